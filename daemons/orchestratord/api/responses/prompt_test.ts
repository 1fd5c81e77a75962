import assert from "node:assert/strict";
import { fieldErrors } from "#shared/config/field_errors.ts";
import { responsesRequest } from "#shared/contracts/mod.ts";
import { type Item, itemsOf, messagesOf } from "./prompt.ts";
import { responseTask } from "./task.ts";

const request = (more: Record<string, unknown>) =>
  responsesRequest.parse({ model: "m", input: "hi", ...more });
const messages = (input: unknown, instructions?: string, known = new Map<string, Item>()) => {
  const body = request({ input, instructions });
  return messagesOf(itemsOf(body.input, known), body.instructions);
};
const task = (more: Record<string, unknown>) =>
  responseTask(request(more), [{ role: "user", content: "hi" }]);
const refused = (more: Record<string, unknown>) =>
  fieldErrors(responsesRequest.safeParse({ model: "m", input: "hi", ...more }).error!)
    .map(({ field, message }) => `${field}: ${message}`);

Deno.test("a text is a user's message, after the instructions", () => {
  assert.deepEqual(messages("hi", "be kind"), [
    { role: "system", content: "be kind" },
    { role: "user", content: "hi" },
  ]);
});

Deno.test("messages come with or without a type, their content as text or parts", () => {
  assert.deepEqual(
    messages([
      { role: "developer", content: [{ type: "input_text", text: "a" }] },
      { type: "message", id: "msg_1", role: "user", content: "b" },
      {
        type: "message",
        role: "assistant",
        status: "completed",
        content: [
          { type: "output_text", text: "c", annotations: [] },
          { type: "refusal", refusal: "d" },
        ],
      },
      { role: "user", content: [{ type: "text", text: "e" }, { type: "input_text", text: "f" }] },
    ]),
    [
      { role: "system", content: "a" },
      { role: "user", content: "b" },
      { role: "assistant", content: "c\nd" },
      { role: "user", content: "e\nf" },
    ],
  );
});

Deno.test("what tools at OpenAI have done is skipped, as the tools are", () => {
  assert.deepEqual(
    messages([
      { role: "user", content: "a" },
      { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search" } },
      { type: "local_shell_call", id: "lsh_1", call_id: "c", action: { type: "exec" } },
      { type: "local_shell_call_output", id: "lsh_1", output: "b" },
      { role: "user", content: "c" },
    ]),
    [{ role: "user", content: "a" }, { role: "user", content: "c" }],
  );
});

const fn = (call_id: string, more = {}) => ({
  ...{ type: "function_call", call_id, name: "f", arguments: "{}" },
  ...more,
});
const output = (call_id: string, output: unknown = "r") => ({
  ...{ type: "function_call_output", call_id, output },
});

Deno.test("thoughts, text and calls of one turn are one message; what follows results is another", () => {
  const call = (id: string, given = "{}", name = "f") => ({
    ...{ id, type: "function" },
    function: { name, arguments: given },
  });
  assert.deepEqual(
    messages([
      { role: "user", content: "q" },
      {
        type: "reasoning",
        id: "rs_1",
        summary: [],
        content: [{ type: "reasoning_text", text: "t" }],
      },
      { role: "assistant", content: "a" },
      fn("1", { id: "fc_1", status: "completed" }),
      fn("2"),
      output("1"),
      output("2", [{ type: "input_text", text: "x" }, { type: "input_text", text: "y" }]),
      { type: "reasoning", summary: [{ type: "summary_text", text: "s" }], encrypted_content: "e" },
      { type: "custom_tool_call", call_id: "3", name: "g", input: 'a "b"' },
      { type: "custom_tool_call_output", call_id: "3", output: "z" },
      { role: "assistant", content: "end" },
    ]),
    [
      { role: "user", content: "q" },
      {
        role: "assistant",
        content: "a",
        reasoning_content: "t",
        tool_calls: [call("1"), call("2")],
      },
      { role: "tool", content: "r", tool_call_id: "1" },
      { role: "tool", content: "x\ny", tool_call_id: "2" },
      {
        role: "assistant",
        content: "",
        reasoning_content: "s",
        tool_calls: [call("3", '{"input":"a \\"b\\""}', "g")],
      },
      { role: "tool", content: "z", tool_call_id: "3" },
      { role: "assistant", content: "end" },
    ],
  );
});

Deno.test("a reference is the item that it names, or refused by its place", () => {
  const item: Item = { type: "message", role: "assistant", content: "before" };
  const reference = { type: "item_reference", id: "msg_1" };
  assert.deepEqual(messages([reference], undefined, new Map([["msg_1", item]])), [
    { role: "assistant", content: "before" },
  ]);
  assert.throws(() => messages([{ role: "user", content: "x" }, reference]), {
    code: "INVALID_REQUEST",
    message: /input\.1\.id: there is no item "msg_1"/,
  });
});

Deno.test("flat functions are tools, others are skipped, and a choice may allow some", () => {
  const f = { type: "function", name: "f", parameters: { type: "object" }, strict: true };
  const g = { type: "function", name: "g", description: null, parameters: null };
  const others = [{ type: "web_search" }, { type: "namespace", name: "n", tools: [] }];
  const tools = [f, ...others, g];
  const own = [
    { type: "function", function: { name: "f", parameters: { type: "object" }, strict: true } },
    { type: "function", function: { name: "g" } },
  ];
  assert.deepEqual(task({ tools }).tools, own);
  assert.equal(task({ tools: others, tool_choice: "auto" }).tools, undefined);
  const allowed = task({
    tools,
    tool_choice: { type: "allowed_tools", mode: "required", tools: [g, ...others] },
  });
  assert.deepEqual([allowed.tools, allowed.tool_choice], [own.slice(1), "required"]);
  const named = task({ tools, tool_choice: { type: "function", name: "g" } });
  assert.deepEqual(named.tool_choice, { type: "function", function: { name: "g" } });
  for (
    const tool_choice of [
      "required",
      { type: "function", name: "h" },
      { type: "allowed_tools", mode: "auto", tools: others },
    ]
  ) assert.throws(() => task({ tools: others, tool_choice }), { code: "INVALID_REQUEST" });
});

Deno.test("settings of the answer are passed on", () => {
  const schema = { type: "object" };
  const made = task({
    text: { format: { type: "json_schema", name: "x", schema, strict: true }, verbosity: "low" },
    reasoning: { effort: "low", summary: "auto" },
    ...{ max_output_tokens: 5, temperature: 0, seed: -2, top_logprobs: 2, service_tier: "auto" },
  });
  assert.deepEqual([made.json_schema, made.json_schema_strict], [schema, true]);
  assert.deepEqual([made.reasoning_effort, made.max_tokens], ["low", 5]);
  assert.deepEqual([made.temperature, made.seed, made.logprobs], [0, 4294967294, 2]);
  assert.equal(task({ include: ["message.output_text.logprobs"] }).logprobs, 0);
  assert.equal(task({ include: ["reasoning.encrypted_content"] }).logprobs, undefined);
  assert.deepEqual(task({ text: { format: { type: "json_object" } } }).json_schema, schema);
});

Deno.test("what cannot be done is refused by name", () => {
  const image = { role: "user", content: [{ type: "input_image", image_url: "sha256:0" }] };
  for (
    const [more, error] of [
      [
        { input: [image] },
        "input.0.content.0.image_url: must be a data: or http(s) URL",
      ],
      [{ input: [{ type: "dream_call" }] }, "input.0.type: items of type dream_call are not"],
      [
        { input: [{ ...image, content: [{ type: "input_file" }] }] },
        "input.0.content.0.type: parts",
      ],
      [{ input: [] }, "input: must not be empty"],
      [{ conversation: "c" }, "conversation: is not supported"],
      [{ prompt: { id: "p" } }, "prompt: is not supported"],
      [{ background: true, store: false }, "background: needs store: true"],
      [{ tools: [{ type: "function" }] }, "tools.0.name: "],
    ] as const
  ) {
    const [first, ...others] = refused(more);
    assert.ok(first?.startsWith(error), first);
    assert.deepEqual(others, []);
  }
});
