import assert from "node:assert/strict";
import { type Delta, grown, type Message, openCalls } from "./web/chat.ts";
import { parseTools } from "./web/tools.ts";

const call = (id: string, given: string) => ({
  ...{ id, type: "function" as const },
  function: { name: "find", arguments: given },
});

Deno.test("an answer grows by its text, thoughts and calls", () => {
  const deltas: Delta[] = [
    { reasoning_content: "Let " },
    { reasoning_content: "me." },
    { content: "I " },
    { content: "look." },
    { tool_calls: [{ index: 0, id: "c1", function: { name: "find", arguments: "" } }] },
    { tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] },
    { tool_calls: [{ index: 0, function: { arguments: "1.0}" } }] },
    { tool_calls: [{ index: 1, id: "c2", function: { name: "find", arguments: "{}" } }] },
  ];
  assert.deepEqual(deltas.reduce(grown, { role: "assistant", content: "" }), {
    role: "assistant",
    content: "I look.",
    reasoning_content: "Let me.",
    tool_calls: [call("c1", '{"a":1.0}'), call("c2", "{}")],
  });
  assert.deepEqual(grown({ role: "assistant", content: "" }, { content: "a" }), {
    role: "assistant",
    content: "a",
  });
});

Deno.test("openCalls() gives the calls of the last answer that have no result yet", () => {
  const asked: Message[] = [
    { role: "user", content: "a" },
    { role: "assistant", content: "", tool_calls: [call("c1", "{}"), call("c2", "{}")] },
  ];
  const result = (tool_call_id: string): Message => ({ role: "tool", content: "1", tool_call_id });
  const ids = (messages: readonly Message[]) => openCalls(messages).map(({ id }) => id);
  assert.deepEqual(ids(asked), ["c1", "c2"]);
  assert.deepEqual(ids([...asked, result("c1")]), ["c2"]);
  assert.deepEqual(ids([...asked, result("c1"), result("c2")]), []);
  assert.deepEqual(ids([...asked, { role: "user", content: "never mind" }]), []);
  assert.deepEqual(ids([]), []);
});

Deno.test("parseTools() says why a text is no list of tools", () => {
  assert.deepEqual(parseTools(" "), { list: [] });
  assert.deepEqual(parseTools('[{"type":"function"}]'), { list: [{ type: "function" }] });
  assert.match(parseTools("{}").error!, /must be a JSON list/);
  assert.match(parseTools("[").error!, /not JSON: /);
});
