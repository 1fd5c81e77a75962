import assert from "node:assert/strict";
import { Template } from "@huggingface/jinja";
import type { Message } from "#shared/contracts/request.ts";
import type { Tool } from "#shared/contracts/tools.ts";
import { nativeTurns, plainTurns, type Render, toolSkills } from "./tool_turns.ts";

const render = (source: string): Render => {
  const template = new Template(source);
  return (messages, tools) =>
    template.render({
      messages,
      ...(tools.length > 0 ? { tools } : {}),
      add_generation_prompt: true,
    });
};
const PLAIN = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";
const HERMES = "{% if tools %}[tools]{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}" +
  "{% for m in messages %}[{{ m.role }}]{{ m.content }}" +
  "{% for c in m.tool_calls or [] %}<tool_call>\n" +
  '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}' +
  "\n</tool_call>{% endfor %}{% endfor %}";

const tool: Tool = { type: "function", function: { name: "add", description: "adds" } };
const call = { name: "add", arguments: '{"a":1}' };
const conversation: Message[] = [
  { role: "user", content: "one and one" },
  { role: "assistant", content: "", tool_calls: [{ id: "c1", type: "function", function: call }] },
  { role: "tool", content: "2", tool_call_id: "c1" },
  { role: "tool", content: "two", tool_call_id: "c1" },
];

Deno.test("toolSkills() finds out whether a template knows tools and how it writes calls", () => {
  assert.deepEqual(toolSkills(render(HERMES)), {
    native: true,
    argumentsAs: "value",
    system: true,
    syntax: "tagged",
  });
  const bare = HERMES.replace("<tool_call>", "").replace("</tool_call>", "");
  assert.equal(toolSkills(render(bare)).syntax, "bare");
  const asText = HERMES.replace("arguments | tojson", "arguments + ''")
    .replace("arguments + ''", "arguments | trim");
  assert.equal(toolSkills(render(asText)).argumentsAs, "text");
});

Deno.test("toolSkills() takes a template that ignores tools, or results of them, for one without", () => {
  assert.equal(toolSkills(render(PLAIN)).native, false);
  const noResults = HERMES.replace("{% for m", "{% for m").replace(
    "]{{ m.content }}",
    "]{% if m.role != 'tool' %}{{ m.content }}{% endif %}",
  );
  assert.equal(toolSkills(render(noResults)).native, false);
  const noSystem = "{% for m in messages %}{% if m.role == 'system' %}" +
    "{{ raise_exception('no system') }}{% endif %}{{ m.content }}{% endfor %}";
  assert.equal(toolSkills(render(noSystem)).system, false);
});

Deno.test("nativeTurns() gives arguments as values and results their function's name", () => {
  const turns = nativeTurns(conversation, "value");
  assert.deepEqual(turns[1]?.tool_calls?.[0]?.function.arguments, { a: 1 });
  assert.deepEqual(turns[2], { role: "tool", content: "2", tool_call_id: "c1", name: "add" });
});

Deno.test("plainTurns() describes tools in the system turn, and writes calls and results out", () => {
  const turns = plainTurns(conversation, [tool], true);
  assert.deepEqual(turns.map((turn) => turn.role), ["system", "user", "assistant", "user"]);
  assert.match(turns[0]!.content, /"name":"add","description":"adds"/);
  assert.equal(
    turns[2]!.content,
    '<tool_call>\n{"name":"add","arguments":{"a":1}}\n</tool_call>',
  );
  assert.equal(
    turns[3]!.content,
    "<tool_response>\n2\n</tool_response>\n<tool_response>\ntwo\n</tool_response>",
  );
});

Deno.test("plainTurns() adds to a system turn there is, or to the first where none is shown", () => {
  const withSystem = plainTurns([{ role: "system", content: "brief" }], [tool], true);
  assert.match(withSystem[0]!.content, /^brief\n\nYou may call/);
  const without = plainTurns([{ role: "user", content: "hi" }], [tool], false);
  assert.equal(without.length, 1);
  assert.match(without[0]!.content, /^You may call[^]*\n\nhi$/);
});
