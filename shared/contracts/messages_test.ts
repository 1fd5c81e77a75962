import assert from "node:assert/strict";
import { parseExactJson } from "../exact_json.ts";
import type { Message } from "./messages.ts";
import { chatRequest } from "./openai/chat.ts";
import { EXACT_FIELDS, executeRequest, taskRequest } from "./request.ts";

const user = { role: "user", content: "a" };
const call = (more: Record<string, unknown>, fields: Record<string, unknown> = {}) => ({
  function: { name: "f", ...fields },
  ...more,
});
const turn = (...calls: unknown[]) => ({ role: "assistant", tool_calls: calls });
const result = (more: Record<string, unknown> = {}) => ({ role: "tool", content: "r", ...more });

function read(...messages: unknown[]): Message[] {
  const task = taskRequest.parse({ model: "m", messages });
  // What is read is read again in the same way: from the store, and by a worker.
  const { messages: again } = executeRequest.parse({
    ...{ model: "m", job_id: "j", attempt: 1 },
    messages: JSON.parse(JSON.stringify(task.messages)),
  });
  assert.deepEqual(again, task.messages);
  assert.ok(chatRequest.safeParse({ model: "m", messages }).success);
  return task.messages!;
}
const callsOf = (message: Message | undefined) =>
  message?.role === "assistant" ? message.tool_calls ?? [] : [];

Deno.test("a call without an id gets one of its own, or that of the result that answers it", () => {
  for (const id of [undefined, null, ""]) {
    const ids = callsOf(read(user, turn(call({ id }), call({ id }))).at(-1)).map(({ id }) => id);
    assert.deepEqual(ids, ["call_1_0", "call_1_1"]);
  }
  const messages = read(
    user,
    turn(call({ id: "" }), call({ id: "mine" }), call({})),
    result({ tool_call_id: "mine" }),
    result({ tool_call_id: "x" }),
    result({ tool_call_id: "" }),
  );
  assert.deepEqual(callsOf(messages[1]).map(({ id }) => id), ["x", "mine", "call_1_2"]);
  assert.deepEqual(messages.slice(2).map((each) => each.role === "tool" && each.tool_call_id), [
    ...["mine", "x", undefined],
  ]);
});

Deno.test("arguments of a call in the history are text, an object, or nothing", () => {
  const text = (fields: Record<string, unknown>) =>
    callsOf(read(turn(call({}, fields)))[0])[0]!.function.arguments;
  assert.equal(text({ arguments: '{"a": 1.0' }), '{"a": 1.0');
  assert.equal(text({ arguments: { a: [1] } }), '{"a":[1]}');
  assert.equal(text({ arguments: null }), "{}");
  assert.equal(text({}), "{}");
  assert.equal(text({ arguments: [] }), "{}");
  const body = '{"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":' +
    '{"name":"f","arguments":{"id":12345678901234567890,"x":1.0}}}]}]}';
  const { messages } = taskRequest.parse(parseExactJson(body, EXACT_FIELDS));
  const [exact] = callsOf(messages?.[0]);
  assert.equal(exact!.function.arguments, '{"id":12345678901234567890,"x":1.0}');
});

Deno.test("a turn has as many calls as a model makes", () => {
  const calls = Array.from({ length: 1000 }, (_, index) => call({ id: `c${index}` }));
  assert.equal(callsOf(read(user, turn(...calls))[1]).length, 1000);
  assert.deepEqual(read({ ...turn(), content: "a" }), [{ role: "assistant", content: "a" }]);
});

Deno.test("a message's content is a text, parts of it, or null", () => {
  const parts = [{ type: "text", text: "a" }, { type: "text", text: "b", cache_control: {} }];
  for (const role of ["system", "user", "assistant", "tool"]) {
    assert.deepEqual(read({ role, content: parts }), [{ role, content: "a\nb" }]);
    assert.deepEqual(read({ role, content: null }), [{ role, content: "" }]);
    assert.deepEqual(read({ role, content: [] }), [{ role, content: "" }]);
  }
  const image = { role: "user", content: [{ type: "image_url", image_url: {} }] };
  for (const schema of [taskRequest, chatRequest]) {
    const [issue] = schema.safeParse({ model: "m", messages: [image] }).error!.issues;
    assert.equal(issue!.path.join("."), "messages.0.content");
    assert.match(issue!.message, /parts of type text/);
  }
});

Deno.test("a result has the name that the client gives it, and nothing where it is empty", () => {
  assert.deepEqual(read(result({ tool_call_id: "x", name: "f" })), [
    { role: "tool", content: "r", tool_call_id: "x", name: "f" },
  ]);
  assert.deepEqual(read(result({ tool_call_id: null, name: null })), [
    { role: "tool", content: "r" },
  ]);
  assert.deepEqual(read(result({ tool_call_id: "", name: "" })), [{ role: "tool", content: "r" }]);
  assert.deepEqual(read({ role: "assistant", content: "b", reasoning_content: null }), [
    { role: "assistant", content: "b" },
  ]);
});

Deno.test("a tool's description and parameters may be null", () => {
  const tools = [{
    type: "function",
    function: { name: "f", description: null, parameters: null },
  }];
  for (const schema of [taskRequest, chatRequest]) {
    const parsed = schema.parse({ model: "m", messages: [user], tools });
    assert.deepEqual(JSON.parse(JSON.stringify(parsed.tools)), [
      { type: "function", function: { name: "f" } },
    ]);
  }
});
