import assert from "node:assert/strict";
import { fieldErrors } from "#shared/config/field_errors.ts";
import { chatRequest, completionRequest } from "#shared/contracts/mod.ts";
import { chatTasks } from "./chat.ts";
import { completionTasks } from "./completions.ts";

const messages = [{ role: "user", content: "hi" }];
type Fields = Record<string, unknown>;

const chat = (more: Fields) => chatTasks(chatRequest.parse({ model: "m", messages, ...more }))[0]!;
const completion = (more: Fields) =>
  completionTasks(completionRequest.parse({ model: "m", prompt: "a", ...more }))[0]!;
/** What a chat is refused for. */
const refused = (
  more: Fields,
  schema: typeof chatRequest | typeof completionRequest = chatRequest,
) =>
  fieldErrors(schema.safeParse({ model: "m", messages, prompt: "a", ...more }).error!)
    .map(({ field, message }) => `${field}: ${message}`);

Deno.test("limits of tokens, and stop strings, are taken as llama-server and vLLM take them", () => {
  for (const make of [chat, completion]) {
    assert.equal(make({ max_tokens: -1 }).max_tokens, undefined);
    assert.equal(make({ n_predict: 3 }).max_tokens, 3);
    assert.equal(make({ max_tokens: 2, n_predict: 3 }).max_tokens, 2);
    assert.equal(make({ max_tokens: 0 }).max_tokens, 1);
    assert.deepEqual(make({ stop: ["a", "", "b", "c", "d", "e"] }).stop, ["a", "b", "c", "d", "e"]);
    for (const stop of ["", [""], [], null]) assert.deepEqual(make({ stop }).stop, []);
    assert.equal(make({ top_k: -1 }).top_k, 0);
    assert.equal(make({ repeat_penalty: 1.1 }).repetition_penalty, 1.1);
    assert.equal(make({ frequency_penalty: 3, presence_penalty: -3 }).frequency_penalty, 3);
    assert.deepEqual(make({ logit_bias: [[5, 1.5], [6, false]] }).logit_bias, { 5: 1.5, 6: -100 });
    assert.deepEqual(make({ logit_bias: { 5: 1 } }).logit_bias, { 5: 1 });
    assert.ok(make({ stream_options: { include_usage: null } }));
  }
  assert.equal(chat({ max_completion_tokens: -1, max_tokens: 5 }).max_tokens, undefined);
  assert.equal(completion({ logprobs: true }).logprobs, 0);
  assert.equal(completion({ logprobs: false }).logprobs, undefined);
  assert.equal(chat({ top_logprobs: 0 }).logprobs, undefined);
});

Deno.test("an answer is held by whichever field its client knows", () => {
  const schema = { type: "object", properties: { age: { type: "integer" } } };
  const grammar = 'root ::= "yes"';
  for (const make of [chat, completion]) {
    for (
      const more of [
        { json_schema: schema },
        { guided_json: schema },
        { structured_outputs: { json: schema } },
        { response_format: { type: "json_object", schema } },
        { response_format: { type: "json_schema", json_schema: { schema } } },
      ]
    ) assert.deepEqual(make(more).json_schema, schema, JSON.stringify(more));
    for (
      const more of [{ grammar }, { guided_grammar: grammar }, { structured_outputs: { grammar } }]
    ) {
      assert.equal(make(more).grammar, grammar, JSON.stringify(more));
    }
    const choice = ["yes", 'a "b"\n'];
    for (const more of [{ guided_choice: choice }, { structured_outputs: { choice } }]) {
      assert.equal(make(more).grammar, 'root ::= "yes" | "a \\"b\\"\\n"\n');
    }
    assert.deepEqual(make({ response_format: { type: "json_object" } }).json_schema, {
      type: "object",
    });
  }
  assert.deepEqual(refused({ grammar, guided_json: schema }), [
    "grammar: is given beside guided_json: give one of them",
  ]);
  assert.deepEqual(
    refused({ response_format: { type: "json_object" }, structured_outputs: { choice: ["a"] } }),
    ["structured_outputs.choice: is given beside response_format: give one of them"],
  );
});

Deno.test("a field that cannot hold an answer is an error of its own", () => {
  const wrong: readonly (readonly [more: Fields, field: RegExp])[] = [
    [{ structured_outputs: { choice: {} } }, /^structured_outputs\.choice: /],
    [{ guided_choice: { a: 1 } }, /^guided_choice: /],
    [{ guided_choice: "yes" }, /^guided_choice: /],
    [{ structured_outputs: 1 }, /^structured_outputs: /],
    [{ response_format: { type: "json_schema" } }, /^response_format\.json_schema: /],
    [{ response_format: "json" }, /^response_format: /],
  ];
  for (const [more, field] of wrong) {
    for (const schema of [chatRequest, completionRequest]) {
      const [first, ...others] = refused(more, schema);
      assert.match(first!, field, JSON.stringify(more));
      assert.deepEqual(others, []);
    }
  }
});

Deno.test("what the engine has not is refused by name, unless it changes nothing", () => {
  const harmless = {
    ...{ typical_p: 1, mirostat: 0, top_n_sigma: -1, dry_multiplier: 0, xtc_probability: 0 },
    ...{ samplers: [], ignore_eos: false, min_tokens: 0, stop_token_ids: [], n_probs: 0 },
    ...{ best_of: 1, skip_special_tokens: true, cache_prompt: true, id_slot: 0, n_keep: 5 },
    ...{ repeat_last_n: 64, user: "u", metadata: {}, prediction: null },
  };
  assert.ok(chat(harmless));
  assert.ok(completion(harmless));
  assert.ok(chat({ prediction: { type: "content", content: "x" } }));
  for (
    const more of [
      ...[{ typical_p: 0.5 }, { mirostat: 2 }, { top_n_sigma: 1 }, { dry_multiplier: 0.8 }],
      ...[{ xtc_probability: 0.1 }, { samplers: ["top_k"] }, { ignore_eos: true }, {
        min_tokens: 1,
      }],
      ...[{ stop_token_ids: [1] }, { n_probs: 2 }, { best_of: 2 }, { repeat_last_n: 0 }],
      ...[{ skip_special_tokens: false }, { guided_regex: "a" }, { lora: [{ id: 0 }] }],
    ]
  ) {
    const [field] = Object.keys(more);
    for (const schema of [chatRequest, completionRequest]) {
      assert.deepEqual(refused(more, schema), [`${field}: is not supported`]);
    }
  }
});

Deno.test("tools are taken twice, and any of them may be chosen in each vendor's words", () => {
  const tool = (name: string, description = name) => ({
    type: "function",
    function: { name, description },
  });
  const tools = [tool("f"), tool("g"), tool("f", "again")];
  const own = [tool("f", "again"), tool("g")];
  assert.deepEqual(chat({ tools }).tools, own);
  assert.equal(chat({ tools, tool_choice: "any" }).tool_choice, "required");
  const allowed = chat({
    tools,
    tool_choice: {
      type: "allowed_tools",
      allowed_tools: { mode: "required", tools: [tool("g")] },
    },
  });
  assert.deepEqual([allowed.tools, allowed.tool_choice], [own.slice(1), "required"]);
  const none = { type: "allowed_tools", allowed_tools: { mode: "required", tools: [tool("h")] } };
  assert.deepEqual(refused({ tools, tool_choice: none }), [
    "tool_choice: asks for a tool that is not there",
  ]);
});

Deno.test("a part that is no text is refused by its place and in words that clients look for", () => {
  const content = [{ type: "text", text: "a" }, { type: "image_url", image_url: { url: "data:" } }];
  assert.deepEqual(refused({ messages: [{ role: "user", content }] }), [
    "messages.0.content.1.type: image input is not supported: send text only",
  ]);
  const audio = [{ type: "input_audio" }];
  assert.deepEqual(refused({ messages: [{ role: "user", content: audio }] }), [
    "messages.0.content.0.type: parts of type input_audio are not supported",
  ]);
});
