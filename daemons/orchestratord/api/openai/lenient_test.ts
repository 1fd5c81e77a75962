import assert from "node:assert/strict";
import { fieldErrors } from "#shared/config/field_errors.ts";
import {
  chatRequest,
  completionRequest,
  givenSampling,
  messagesRequest,
  responsesRequest,
  SAMPLING_OPTIONS,
} from "#shared/contracts/mod.ts";
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
    assert.equal(make({ top_k: -2 }).top_k, 0);
    assert.equal(make({ top_k: 2 ** 40 }).top_k, 100_000);
    assert.equal(make({ temperature: 100 }).temperature, 100);
    assert.equal(make({ stop: "x".repeat(4096) }).stop[0]?.length, 4096);
    assert.equal(make({ seed: 2 ** 63 + 2 ** 12 }).seed, 2 ** 12);
    assert.equal(make({ seed: -(2 ** 63) }).seed, 0);
    assert.equal(make({ repeat_penalty: 1.1 }).repetition_penalty, 1.1);
    assert.equal(make({ frequency_penalty: 3, presence_penalty: -3 }).frequency_penalty, 3);
    assert.deepEqual(make({ logit_bias: [[5, 1.5], [6, false]] }).logit_bias, { 5: 1.5, 6: -100 });
    assert.deepEqual(make({ logit_bias: { 5: 1 } }).logit_bias, { 5: 1 });
    assert.deepEqual(make({ logit_bias: { 5: 1e9, 6: -101 } }).logit_bias, { 5: 100, 6: -100 });
    assert.deepEqual(make({ logit_bias: [[5, 0], ["a", 1e9]] }).logit_bias, { 5: 0, a: 100 });
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

Deno.test("sampling options of llama-server and vLLM go to the task, and null is absent", () => {
  const given = {
    ...{ typical_p: 0.5, mirostat: 2 as const, mirostat_tau: 3, mirostat_eta: 0.2, top_n_sigma: 1 },
    ...{ xtc_probability: 0.1, xtc_threshold: 0.2, dynatemp_range: 0.5, dynatemp_exponent: 2 },
    ...{ dry_multiplier: 0.8, dry_base: 2, dry_allowed_length: 3, dry_penalty_last_n: -1 },
    ...{ dry_sequence_breakers: ["\n"], repeat_last_n: 0, min_keep: 2, ignore_eos: true },
    ...{ min_tokens: 1, stop_token_ids: [1] },
  };
  for (const make of [chat, completion]) {
    const task = make({ ...given, samplers: "kt" });
    assert.deepEqual(givenSampling(task), { ...given, samplers: ["top_k", "temperature"] });
    const absent = Object.fromEntries(SAMPLING_OPTIONS.map((name) => [name, null]));
    assert.deepEqual(givenSampling(make(absent)), {});
    // As llama-server reads them.
    const odd = make({ dry_base: 0.5, top_n_sigma: -3, dynatemp_range: -1, samplers: [] });
    assert.deepEqual(givenSampling(odd), { top_n_sigma: -1, dynatemp_range: 0, samplers: [] });
  }
});

Deno.test("sampling options out of range are refused by name, with what to do", () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ mirostat: 3 }, /^mirostat: must be 0, 1 or 2$/],
    [{ typical_p: 2 }, /^typical_p: /],
    [{ xtc_threshold: -1 }, /^xtc_threshold: /],
    [{ samplers: ["top_k", "topk"] }, /^samplers\.1: has top_k twice$/],
    [{ samplers: ["infill"] }, /^samplers\.0: infill is not supported: it compares all pairs/],
    [{ samplers: "ka" }, /^samplers: adaptive_p is not supported: /],
    [{ samplers: ["top"] }, /^samplers\.0: "top" is no sampler: they are penalties, dry, /],
    [{ samplers: "kq" }, /^samplers: "q" is no letter of a sampler: they are e \(penalties\), /],
    [{ samplers: 3 }, /^samplers: must be a list of names of samplers, or a text/],
    [{ dry_sequence_breakers: [] }, /^dry_sequence_breakers: /],
    [{ dry_sequence_breakers: ["é".repeat(21)] }, /^dry_sequence_breakers\.0: .*at most 40 bytes/],
    [{ dry_sequence_breakers: ["a\0b"] }, /^dry_sequence_breakers\.0: .*U\+0000/],
    [{ repeat_last_n: -2 }, /^repeat_last_n: /],
    [{ stop_token_ids: [-1] }, /^stop_token_ids\.0: /],
  ];
  for (const [more, message] of cases) {
    for (const schema of [chatRequest, completionRequest]) {
      const [first, ...others] = refused(more, schema);
      assert.match(first!, message, JSON.stringify(more));
      assert.deepEqual(others, []);
    }
  }
});

Deno.test("what the engine has not is refused by name, unless it changes nothing", () => {
  const harmless = {
    ...{ n_probs: 0, best_of: 1, skip_special_tokens: true, cache_prompt: true, id_slot: 0 },
    ...{ n_keep: 5, user: "u", metadata: {}, prediction: null, adaptive_target: -1 },
    ...{ t_max_predict_ms: -1, response_fields: [], logits_processors: [] },
    ...{ return_token_ids: false, return_tokens_as_token_ids: false },
  };
  assert.ok(chat(harmless));
  assert.ok(completion(harmless));
  assert.ok(chat({ prediction: { type: "content", content: "x" } }));
  for (
    const more of [
      ...[{ n_probs: 2 }, { best_of: 2 }, { t_max_predict_ms: 9 }, { adaptive_target: 0.5 }],
      ...[{ response_fields: ["content"] }, { tfs_z: 0.5 }],
      ...[{ logits_processors: ["a"] }, { return_token_ids: true }],
      ...[{ return_tokens_as_token_ids: true }],
      ...[{ skip_special_tokens: false }, { guided_regex: "a" }, { lora: [{ id: 0 }] }],
    ]
  ) {
    const [field] = Object.keys(more);
    for (const schema of [chatRequest, completionRequest]) {
      assert.deepEqual(refused(more, schema), [`${field}: is not supported`]);
    }
  }
});

Deno.test("dialects that hold answers in another way refuse chat's fields by name", () => {
  const messages = { max_tokens: 1, messages: [{ role: "user", content: "a" }] };
  const schemas = [[messagesRequest, messages], [responsesRequest, { input: "a" }]] as const;
  const schema = { type: "object" };
  for (const [request, body] of schemas) {
    const harmless = { n: 1, logprobs: false, tfs_z: 1, grammar: null, lora: [], user: "u" };
    assert.ok(request.parse({ ...body, ...harmless, repeat_penalty: 1.1, logit_bias: { 5: 1 } }));
    for (
      const more of [
        ...[{ tfs_z: 0.5 }, { bad_words: ["a"] }, { n: 2 }, { logprobs: true }, { n_predict: 4 }],
        ...[{ response_format: { type: "json_object" } }, { json_schema: schema }],
        ...[{ grammar: "root ::= [a-z]" }, { guided_choice: ["a"] }, { max_completion_tokens: 4 }],
      ]
    ) {
      const { error } = request.safeParse({ ...body, ...more });
      const [field] = Object.keys(more);
      assert.deepEqual(
        error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`),
        [`${field}: is not supported`],
      );
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

Deno.test("a part that cannot be taken is refused by its place", () => {
  const of = (role: string, content: unknown) => refused({ messages: [{ role, content }] });
  const image = { type: "image_url", image_url: { url: "data:" } };
  const text = { type: "text", text: "a" };
  assert.deepEqual(of("system", [text, image]), [
    "messages.0.content.1.type: an image can only be in a message of the user or of a tool",
  ]);
  assert.deepEqual(of("user", [{ type: "input_image" }]), [
    "messages.0.content.0.type: write images as parts of type image_url",
  ]);
  assert.deepEqual(of("user", [{ type: "input_audio" }]), [
    "messages.0.content.0.input_audio: must have data",
  ]);
  assert.deepEqual(of("user", [{ type: "file" }]), [
    "messages.0.content.0.type: parts of type file are not supported",
  ]);
  const [message] = chat({ messages: [{ role: "user", content: [text, image, text] }] }).messages!;
  assert.deepEqual(message?.content, [text, image, text]);
});

Deno.test("thinking is set in the words of llama-server and OpenRouter, or refused by name", () => {
  assert.equal(chat({ reasoning_budget_tokens: -1 }).reasoning_budget_tokens, undefined);
  assert.equal(chat({ thinking_budget_tokens: 7 }).reasoning_budget_tokens, 7);
  assert.equal(chat({ reasoning_format: "deepseek-legacy" }).reasoning_format, "auto");
  assert.equal(chat({ reasoning_format: "none" }).reasoning_format, "none");
  assert.equal(chat({ reasoning: { effort: "low" } }).reasoning_effort, "low");
  assert.equal(chat({ reasoning: { enabled: false } }).reasoning_effort, "none");
  assert.equal(chat({ reasoning: { max_tokens: 9 } }).reasoning_budget_tokens, 9);
  const on = { enable_thinking: true };
  assert.deepEqual(chat({ reasoning: { enabled: true } }).chat_template_kwargs, on);
  for (const value of [true, "true"]) {
    const given = chat({ chat_template_kwargs: { enable_thinking: value, mood: "true" } });
    assert.deepEqual(given.chat_template_kwargs, { ...on, mood: "true" });
  }
  assert.ok(chat({ include_reasoning: true, reasoning_budget_message: "" }));
  const refusals: [Record<string, unknown>, string][] = [
    [{ include_reasoning: false }, "include_reasoning: is not supported"],
    [{ reasoning_budget_message: "Enough" }, "reasoning_budget_message: is not supported"],
    [{ reasoning: { exclude: true } }, "reasoning.exclude: is not supported"],
    [
      { reasoning: { effort: "low" }, reasoning_effort: "high" },
      "reasoning.effort: is given beside reasoning_effort: give one of them",
    ],
    [
      { chat_template_kwargs: { enable_thinking: "maybe" } },
      "chat_template_kwargs.enable_thinking: must be true or false",
    ],
    [
      { chat_template_kwargs: { thinking: null } },
      "chat_template_kwargs.thinking: must be true or false",
    ],
  ];
  for (const [more, message] of refusals) assert.deepEqual(refused(more), [message]);
});

Deno.test("a last message is continued in each of llama-server's ways", () => {
  const hello = { role: "user", content: "Hello" };
  const ending = (last: object) => ({ messages: [hello, { role: "assistant", ...last }] });
  const text = ending({ content: "It" });
  const thoughts = ending({ content: "", reasoning_content: "So" });
  assert.equal(chat({ ...text, continue_final_message: "content" }).continue_final_message, true);
  assert.ok(chat({ ...thoughts, continue_final_message: "reasoning_content" }));
  assert.ok(chat({ ...text, add_generation_prompt: false }));
  assert.ok(chat({ ...text, add_generation_prompt: false, continue_final_message: true }));
  const refusals: [Record<string, unknown>, string][] = [
    [
      { add_generation_prompt: false },
      "add_generation_prompt: false needs a last message of the assistant to continue",
    ],
    [
      { ...text, add_generation_prompt: false, continue_final_message: false },
      "add_generation_prompt: false needs a last message of the assistant to continue",
    ],
    [
      { ...thoughts, continue_final_message: "content" },
      "continue_final_message: content needs a last message with content: its thoughts would be continued",
    ],
    [
      { ...text, continue_final_message: "reasoning_content" },
      "continue_final_message: reasoning_content needs a last message with reasoning_content and no content",
    ],
    [
      { ...text, continue_final_message: "thoughts" },
      "continue_final_message: must be true, false, content or reasoning_content",
    ],
    [
      { continue_final_message: "content" },
      "continue_final_message: needs a last message of the assistant",
    ],
  ];
  for (const [more, message] of refusals) assert.deepEqual(refused(more), [message]);
});

Deno.test("fields that only chats, or only completions have are refused by name there", () => {
  assert.ok(chat({ echo: false, parse_tool_calls: true }));
  assert.deepEqual(refused({ echo: true }), ["echo: is not supported"]);
  assert.deepEqual(refused({ parse_tool_calls: false }), ["parse_tool_calls: is not supported"]);
  assert.ok(completion({ echo: true, add_special_tokens: true }));
  assert.deepEqual(refused({ add_special_tokens: false }, completionRequest), [
    "add_special_tokens: is not supported",
  ]);
});

Deno.test("think is another name of enable_thinking", () => {
  const kwargs = { enable_thinking: false };
  assert.deepEqual(chat({ think: false }).chat_template_kwargs, kwargs);
  assert.deepEqual(chat({ think: false, enable_thinking: false }).chat_template_kwargs, kwargs);
  assert.deepEqual(refused({ think: true, enable_thinking: false }), [
    "think: is another name of enable_thinking: give one of them",
  ]);
  assert.deepEqual(refused({ think: true, chat_template_kwargs: {} }), [
    "think: belongs into chat_template_kwargs, which is given, too",
  ]);
});

Deno.test("seeds are integers of 64 bits, and what is larger is refused", () => {
  for (const seed of [1.5, 2 ** 65, -(2 ** 64)]) {
    assert.match(refused({ seed })[0]!, /^seed: /, String(seed));
  }
  assert.match(refused({ top_k: 1.5 })[0]!, /^top_k: must be a whole number/);
});
