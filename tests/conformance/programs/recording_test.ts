import assert from "node:assert/strict";
import { filled, recordingOf, shapeOf } from "./recording.ts";

const UUID = "0199a1b2-c3d4-4e5f-8a9b-0c1d2e3f4a5b";

const exchange = (body: unknown, headers: [string, string][] = []) => ({
  method: "POST",
  path: "/v1/messages",
  headers,
  body: JSON.stringify(body),
  status: 200,
  reply: () => "",
});

const recorded = (body: unknown, headers?: [string, string][]) =>
  recordingOf("x", "1", [exchange(body, headers)]).requests[0]!;

Deno.test("a recording has fields, types and sizes, and no text", () => {
  const tools = [{ name: "read_file", input_schema: { type: "object", enum: ["a b", "c"] } }];
  const text = "You are a helpful program in /home/somebody";
  assert.deepEqual(recorded({ model: "script", max_tokens: 5, system: text, tools }).body, {
    model: "script",
    max_tokens: 5,
    system: `filler of ${text.length}`,
    tools,
  });
});

Deno.test("ids are exchanged, and the same one twice stays the same", () => {
  const { body } = recorded({
    calls: [{ id: "call_1a2b" }, { id: "call_3c4d" }],
    results: [{ tool_use_id: "call_3c4d" }],
    arguments: JSON.stringify({ text: "two words", session_id: UUID }),
  });
  assert.deepEqual(body, {
    calls: [{ id: "000000001" }, { id: "000000002" }],
    results: [{ tool_use_id: "000000002" }],
    arguments: JSON.stringify({ text: "filler of 9", session_id: "3".padStart(36, "0") }),
  });
});

Deno.test("headers of the connection are left out, and ids in others exchanged", () => {
  const { headers } = recorded({}, [
    ["host", "127.0.0.1:1234"],
    ["user-agent", `program/1.0 (${UUID})`],
    ["x-session-id", UUID],
  ]);
  assert.deepEqual(headers, {
    "user-agent": `program/1.0 (${UUID.replace(/\w/g, "0")})`,
    "x-session-id": "1".padStart(36, "0"),
  });
});

Deno.test("requests of one shape are kept once", () => {
  const asked = (text: string) => exchange({ messages: [{ role: "user", content: text }] });
  const other = exchange({ messages: [{ role: "user", content: [{ type: "text" }] }] });
  const { requests } = recordingOf("x", "1", [asked("one"), asked("another one"), other]);
  assert.equal(requests.length, 2);
  assert.notDeepEqual(shapeOf(requests[0]!), shapeOf(requests[1]!));
});

Deno.test("fillers have their length again when they are sent, within JSON in a string too", () => {
  const body = {
    system: "a text of several words ".repeat(20),
    input: JSON.stringify({ text: "two words" }),
    name: "kept",
  };
  const sent = filled(recorded(body).body) as typeof body;
  assert.equal(sent.system.length, body.system.length);
  assert.equal(JSON.parse(sent.input).text.length, "two words".length);
  assert.equal(sent.name, "kept");
});
