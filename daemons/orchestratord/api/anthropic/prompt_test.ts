import assert from "node:assert/strict";
import { fieldErrors } from "#shared/config/field_errors.ts";
import { messagesRequest } from "#shared/contracts/mod.ts";
import { messagesTask } from "./messages.ts";

const task = (more: Record<string, unknown>) =>
  messagesTask(
    messagesRequest.parse({
      model: "m",
      max_tokens: 9,
      messages: [{ role: "user", content: "hi" }],
      ...more,
    }),
  );
const turns = (...messages: readonly unknown[]) => task({ messages }).messages;

Deno.test("blocks of a conversation become messages, calls and results", () => {
  assert.deepEqual(
    turns(
      { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "hm", signature: "s" },
          { type: "redacted_thinking", data: "x" },
          { type: "text", text: "I look", cache_control: { type: "ephemeral" } },
          { type: "tool_use", id: "c1", name: "find", input: { x: 1 } },
          { type: "tool_use", id: "c2", name: "find", input: {} },
        ],
      },
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "c1",
            content: [{ type: "text", text: "1" }, { type: "text", text: "2" }],
          },
          { type: "tool_result", tool_use_id: "c2", is_error: true, content: "none" },
          { type: "tool_result", tool_use_id: "c3" },
          { type: "text", text: "go on" },
        ],
      },
    ),
    [
      { role: "user", content: "a\nb" },
      {
        role: "assistant",
        content: "I look",
        reasoning_content: "hm",
        tool_calls: [
          { id: "c1", type: "function", function: { name: "find", arguments: '{"x":1}' } },
          { id: "c2", type: "function", function: { name: "find", arguments: "{}" } },
        ],
      },
      { role: "tool", content: "1\n2", tool_call_id: "c1" },
      { role: "tool", content: "none", tool_call_id: "c2" },
      { role: "tool", content: "", tool_call_id: "c3" },
      { role: "user", content: "go on" },
    ],
  );
});

Deno.test("the system's text comes first, without the line that differs from call to call", () => {
  const first = (system: unknown) => task({ system }).messages![0];
  const user = { role: "user", content: "hi" };
  const header = "x-anthropic-billing-header: cc_version=1; cch=00000;";
  const text = (text: string) => ({ type: "text", text });
  assert.deepEqual(first("Be kind"), { role: "system", content: "Be kind" });
  const expected = { role: "system", content: "a\nb" };
  assert.deepEqual(first([text(header), text("a"), text("b")]), expected);
  assert.deepEqual(first(`${header}\na\nb`), expected);
  for (const none of [undefined, null, "", [], [text(header)]]) assert.deepEqual(first(none), user);
  assert.deepEqual(turns(user, { role: "system", content: [text("later")] })![1], {
    role: "system",
    content: "later",
  });
});

Deno.test("tools are functions; those that run at Anthropic are skipped", () => {
  const { tools, tool_choice, parallel_tool_calls } = task({
    tools: [
      { name: "f", description: "d", input_schema: { type: "object" }, cache_control: {} },
      { type: "custom", name: "g", input_schema: {}, strict: true },
      { type: "web_search_20250305", name: "web_search", max_uses: 5 },
    ],
    tool_choice: { type: "tool", name: "g", disable_parallel_tool_use: true },
  });
  assert.deepEqual(tools, [
    {
      type: "function",
      function: { name: "f", description: "d", parameters: { type: "object" } },
    },
    { type: "function", function: { name: "g", parameters: {}, strict: true } },
  ]);
  assert.deepEqual(tool_choice, { type: "function", function: { name: "g" } });
  assert.equal(parallel_tool_calls, false);
  const tools1 = [{ name: "f", input_schema: {} }];
  const choice = (type: string) => task({ tools: tools1, tool_choice: { type } }).tool_choice;
  assert.deepEqual(["any", "auto", "none"].map(choice), ["required", "auto", "none"]);
});

Deno.test("thinking, effort and the form of the answer are passed on", () => {
  const { max_tokens, temperature, top_p, top_k, stop } = task({
    ...{ max_tokens: 32_000_000, temperature: 1, top_p: 0.5, top_k: 3, stop_sequences: ["x"] },
  });
  assert.deepEqual([max_tokens, temperature, top_p, top_k, stop], [1_000_000, 1, 0.5, 3, ["x"]]);
  const thinks = (thinking: unknown, output_config?: unknown) => {
    const made = task({ thinking, output_config });
    return [made.reasoning_effort, made.reasoning_budget_tokens, made.chat_template_kwargs];
  };
  const on = { enable_thinking: true };
  assert.deepEqual(thinks(undefined), [undefined, undefined, undefined]);
  assert.deepEqual(thinks({ type: "disabled" }), ["none", undefined, undefined]);
  assert.deepEqual(thinks({ type: "enabled", budget_tokens: 2048 }), [undefined, 2048, on]);
  assert.deepEqual(thinks({ type: "adaptive" }, { effort: "max" }), [
    "xhigh",
    undefined,
    undefined,
  ]);
  const schema = { type: "object" };
  const held = task({ output_config: { format: { type: "json_schema", schema } } });
  assert.deepEqual([held.json_schema, held.json_schema_strict], [schema, true]);
});

Deno.test("what cannot be done is refused by name", () => {
  const part = (block: unknown) => ({ messages: [{ role: "user", content: [block] }] });
  const refused = (more: Record<string, unknown>) => {
    const parsed = messagesRequest.safeParse({ model: "m", max_tokens: 9, messages: [], ...more });
    return fieldErrors(parsed.error!).map(({ field, message }) => `${field}: ${message}`);
  };
  assert.deepEqual(refused(part({ type: "image", source: {} })), [
    "messages.0.content.0.source.type: must be of type base64 or url",
  ]);
  const system = { system: [{ type: "image", source: { type: "url", url: "https://a/b" } }] };
  assert.deepEqual(refused({ ...system, messages: [{ role: "user", content: "a" }] }), [
    "system.0.type: an image can only be in a message of the user or in a tool_result",
  ]);
  assert.deepEqual(refused(part({ type: "document" })), [
    "messages.0.content.0.type: blocks of type document are not supported here: use text, " +
    "image or tool_result",
  ]);
  const messages = [{ role: "user", content: "hi" }];
  for (
    const [more, field] of [
      [{ mcp_servers: [{ url: "x" }] }, "mcp_servers"],
      [{ chat_template: "x" }, "chat_template"],
      [{ max_tokens: 0 }, "max_tokens"],
      [{ thinking: { type: "much" } }, "thinking.type"],
    ] as const
  ) {
    const [error, ...others] = refused({ messages, ...more });
    assert.ok(error?.startsWith(`${field}: `), error);
    assert.deepEqual(others, []);
  }
  assert.throws(() => task({ tools: [{ name: "f" }], tool_choice: { type: "tool", name: "g" } }), {
    code: "INVALID_REQUEST",
    message: /tool_choice: asks for a tool that is not there/,
  });
});
