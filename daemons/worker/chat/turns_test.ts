import assert from "node:assert/strict";
import type { Tool } from "#shared/contracts/tools.ts";
import { toPlainJson } from "./jinja/json.ts";
import type { Skills } from "./skills.ts";
import { type ChatMessage, joinParts, turnsOf } from "./turns.ts";

const NATIVE: Skills = {
  system: true,
  textInParts: false,
  alternates: false,
  toolsAs: "tools",
  calls: true,
  singleCalls: false,
  argumentsAs: "value",
  mappings: false,
  shortIds: false,
  thoughtsAs: "fields",
  eitherThoughtsOrText: false,
};
const PLAIN: Skills = { ...NATIVE, toolsAs: undefined, calls: false };

const tool: Tool = { type: "function", function: { name: "add", description: "adds" } };
const call = (id: string, text = '{"a":1.0}') => ({
  id,
  function: { name: "add", arguments: text },
});
const user = (content: string): ChatMessage => ({ role: "user", content });
const conversation: ChatMessage[] = [
  user("one and one"),
  { role: "assistant", content: "", tool_calls: [call("c1"), call("c2")] },
  { role: "tool", content: "2", tool_call_id: "c1" },
  { role: "tool", content: "two" },
];

Deno.test("turnsOf() gives arguments as exact values and results their call's id and name", () => {
  const turns = turnsOf(conversation, [tool], NATIVE);
  assert.equal(toPlainJson(turns[1]?.tool_calls?.[0]?.function.arguments), '{"a":1.0}');
  assert.deepEqual(turns[2], { role: "tool", content: "2", tool_call_id: "c1", name: "add" });
  assert.deepEqual(turns[3], { role: "tool", content: "two", tool_call_id: "c2", name: "add" });
});

Deno.test("turnsOf() leaves arguments that are no JSON as text, and all where texts are wanted", () => {
  const cut = [{ role: "assistant", tool_calls: [call("c1", '{"a":')] }];
  assert.equal(turnsOf(cut, [], NATIVE)[0]?.tool_calls?.[0]?.function.arguments, '{"a":');
  const turns = turnsOf(conversation, [], { ...NATIVE, argumentsAs: "text" });
  assert.equal(turns[1]?.tool_calls?.[0]?.function.arguments, '{"a":1.0}');
});

Deno.test("turnsOf() gives templates that want arguments by name what there is of them", () => {
  const given = (text: string) => {
    const [turn] = turnsOf([{ role: "assistant", tool_calls: [call("c1", text)] }], [], {
      ...NATIVE,
      mappings: true,
    });
    return toPlainJson(turn!.tool_calls![0]!.function.arguments);
  };
  assert.equal(given('{"a":1.0}'), '{"a":1.0}');
  assert.equal(given('{"a":"x","b":"y'), '{"a":"x","b":"y"}');
  assert.equal(given("say it"), '{"arguments":"say it"}');
  assert.equal(given("[1.0]"), '{"arguments":[1.0]}');
  assert.equal(given('"x"'), '{"arguments":"x"}');
  assert.equal(given("false"), '{"arguments":false}');
  assert.equal(given("null"), "{}");
  assert.equal(given(""), "{}");
  const [turn] = turnsOf([{ role: "assistant", tool_calls: [call("c1", '{"a":1.0,"b":[2')] }], [], {
    ...NATIVE,
    argumentsAs: "text",
    mappings: true,
  });
  assert.equal(turn!.tool_calls![0]!.function.arguments, '{"a":1.0,"b":[]}');
});

Deno.test("turnsOf() names a result by its call, or else as the client does", () => {
  const [turn] = turnsOf(
    [{ role: "tool", content: "2", tool_call_id: "x", name: "add" }],
    [],
    NATIVE,
  );
  assert.deepEqual(turn, { role: "tool", content: "2", tool_call_id: "x", name: "add" });
  const known = turnsOf(
    [
      { role: "assistant", tool_calls: [call("c1")] },
      { role: "tool", content: "2", tool_call_id: "c1", name: "other" },
    ],
    [],
    NATIVE,
  );
  assert.equal(known[1]?.name, "add");
});

Deno.test("turnsOf() names a result of no known call after the one open call, or else after its id", () => {
  const nameOf = (...calls: string[]) => {
    const turns = turnsOf(
      [
        { role: "assistant", tool_calls: calls.map((id) => call(id)) },
        { role: "tool", content: "2", tool_call_id: "lost" },
      ],
      [],
      NATIVE,
    );
    return turns[1]?.name;
  };
  assert.equal(nameOf("c1"), "add");
  assert.equal(nameOf("c1", "c2"), "lost");
  const [alone] = turnsOf([{ role: "tool", content: "2", tool_call_id: "lost" }], [], NATIVE);
  assert.equal(alone?.name, "lost");
});

Deno.test("turnsOf() makes ids of nine characters, the same for a call and its result", () => {
  const [, calls, result] = turnsOf(conversation, [], { ...NATIVE, shortIds: true });
  assert.match(calls!.tool_calls![0]!.id, /^[a-z0-9]{9}$/);
  assert.equal(result!.tool_call_id, calls!.tool_calls![0]!.id);
  assert.notEqual(calls!.tool_calls![1]!.id, calls!.tool_calls![0]!.id);
});

Deno.test("turnsOf() puts parallel calls into turns of their own where only one is allowed", () => {
  const turns = turnsOf(conversation, [], { ...NATIVE, singleCalls: true });
  assert.deepEqual(turns.map(({ role, content }) => [role, content]), [
    ["user", "one and one"],
    ["assistant", ""],
    ["tool", "2"],
    ["assistant", ""],
    ["tool", "two"],
  ]);
  assert.ok(turns.every((turn) => (turn.tool_calls?.length ?? 1) === 1));
});

Deno.test("turnsOf() gives thoughts under each name, or as a part", () => {
  const thinking = [{ role: "assistant", content: "hi", reasoning_content: "hm" }];
  assert.deepEqual(turnsOf(thinking, [], NATIVE), [{
    role: "assistant",
    content: "hi",
    reasoning_content: "hm",
    reasoning: "hm",
    thinking: "hm",
  }]);
  assert.deepEqual(turnsOf(thinking, [], { ...NATIVE, thoughtsAs: "parts" })[0]?.content, [
    { type: "thinking", thinking: "hm" },
    { type: "text", text: "hi" },
  ]);
  const beside = [{ ...thinking[0]!, tool_calls: [call("c1")] }];
  const [turn] = turnsOf(beside, [], { ...NATIVE, eitherThoughtsOrText: true });
  assert.deepEqual([turn?.content, turn?.thinking], ["", "hm\n\nhi"]);
});

Deno.test("turnsOf() puts the system's text before the first user turn where none is rendered", () => {
  const messages = [{ role: "system", content: "brief" }, user("hi"), user("there")];
  const turns = turnsOf(messages, [], { ...PLAIN, system: false });
  assert.deepEqual(turns.map(({ content }) => content), ["brief\n\nhi", "there"]);
});

Deno.test("turnsOf() joins turns of the user where roles must alternate", () => {
  const turns = turnsOf([user("a"), user("b")], [], { ...PLAIN, alternates: true });
  assert.deepEqual(turns.map(({ content }) => content), ["a\n\nb"]);
});

Deno.test("turnsOf() gives texts as parts where a template wants them", () => {
  const turns = turnsOf([user("a")], [], { ...PLAIN, textInParts: true });
  assert.deepEqual(turns[0]?.content, [{ type: "text", text: "a" }]);
});

Deno.test("turnsOf() describes tools in the system turn, and writes calls and results out", () => {
  const turns = turnsOf(conversation, [tool], PLAIN);
  assert.deepEqual(turns.map((turn) => turn.role), ["system", "user", "assistant", "user"]);
  assert.match(turns[0]!.content as string, /"name":"add","description":"adds"/);
  assert.equal(
    turns[2]!.content,
    '<tool_call>\n{"name": "add", "arguments": {"a":1.0}}\n</tool_call>\n' +
      '<tool_call>\n{"name": "add", "arguments": {"a":1.0}}\n</tool_call>',
  );
  assert.equal(
    turns[3]!.content,
    "<tool_response>\n2\n</tool_response>\n<tool_response>\ntwo\n</tool_response>",
  );
});

Deno.test("turnsOf() adds the description to a system turn there is, or to the first turn", () => {
  const withSystem = turnsOf([{ role: "system", content: "brief" }], [tool], PLAIN);
  assert.match(withSystem[0]!.content as string, /^brief\n\nYou may call/);
  const without = turnsOf([user("hi")], [tool], { ...PLAIN, system: false });
  assert.equal(without.length, 1);
  assert.match(without[0]!.content as string, /^You may call[^]*\n\nhi$/);
});

Deno.test("turnsOf() gives a template that describes tools no other description", () => {
  const turns = turnsOf(conversation, [tool], { ...NATIVE, calls: false });
  assert.equal(turns[0]?.role, "user");
});

Deno.test("joinParts() gives each part a line", () => {
  assert.equal(joinParts([{ text: "a" }, { text: "b" }]), "a\nb");
});
