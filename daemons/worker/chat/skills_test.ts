import assert from "node:assert/strict";
import { fromJs } from "./jinja/json.ts";
import { Template } from "./jinja/template.ts";
import type { Render } from "./render.ts";
import { findSkills } from "./skills.ts";

const render = (source: string): Render => {
  const template = new Template(source, { now: () => new Date(0) });
  return (messages, tools, { toolsAs = "tools", addGenerationPrompt = true } = {}) =>
    template.render(
      Object.entries({
        messages,
        ...(tools.length > 0 ? { [toolsAs]: tools } : {}),
        add_generation_prompt: addGenerationPrompt,
      }).map(([name, value]) => [name, fromJs(value)] as const),
    );
};
const skills = (source: string) => findSkills(render(source));

const PLAIN = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}";
const HERMES = "{% if tools %}[tools]{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}" +
  "{% for m in messages %}[{{ m.role }}]{{ m.content }}" +
  "{% for c in m.tool_calls or [] %}<tool_call>\n" +
  '{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}' +
  "\n</tool_call>{% endfor %}{% endfor %}";

Deno.test("findSkills() finds out how a template describes tools and writes calls", () => {
  const { toolsAs, calls, argumentsAs, system } = skills(HERMES);
  assert.deepEqual([toolsAs, calls, argumentsAs, system], ["tools", true, "value", true]);
});

Deno.test("findSkills() sees which form of arguments becomes JSON", () => {
  const printed = HERMES.replace("arguments | tojson", "arguments");
  assert.equal(skills(printed).argumentsAs, "text");
  const joined = HERMES.replace("arguments | tojson", "arguments + ''");
  assert.equal(skills(joined).argumentsAs, "text");
});

Deno.test("findSkills() sees whether arguments must have names", () => {
  assert.equal(skills(HERMES).mappings, false);
  const named = HERMES.replace(
    "{{ c.function.arguments | tojson }}",
    "{% for k, v in c.function.arguments | items %}{{ k }}={{ v }}{% endfor %}",
  );
  assert.deepEqual([skills(named).mappings, skills(named).argumentsAs], [true, "value"]);
});

Deno.test("findSkills() finds the name under which a template looks for tools", () => {
  const other = HERMES.replaceAll("in tools", "in xml_tools").replace("if tools", "if xml_tools");
  assert.equal(skills(other).toolsAs, "xml_tools");
  assert.equal(skills(PLAIN).toolsAs, undefined);
});

Deno.test("findSkills() takes a template that leaves out results for one that renders no calls", () => {
  const noResults = HERMES.replace(
    "]{{ m.content }}",
    "]{% if m.role != 'tool' %}{{ m.content }}{% endif %}",
  );
  assert.deepEqual([skills(noResults).calls, skills(noResults).toolsAs], [false, "tools"]);
});

Deno.test("findSkills() sees what a template refuses", () => {
  const refusing = (test: string) =>
    skills(
      `{% for m in messages %}{% if ${test} %}{{ raise_exception('no') }}{% endif %}` +
        HERMES.slice(HERMES.indexOf("[{{ m.role")),
    );
  assert.equal(refusing("m.role == 'system'").system, false);
  assert.equal(refusing("loop.previtem and loop.previtem.role == m.role").alternates, true);
  assert.equal(refusing("m.tool_calls and m.tool_calls|length > 1").singleCalls, true);
  assert.equal(refusing("m.tool_calls and m.tool_calls[0].id|length != 9").shortIds, true);
  assert.equal(
    refusing("m.tool_calls and m.content and m.thinking").eitherThoughtsOrText,
    true,
  );
  const { system, alternates, singleCalls, shortIds, eitherThoughtsOrText } = refusing("false");
  assert.deepEqual([system, alternates, singleCalls, shortIds, eitherThoughtsOrText], [
    ...[true, false, false, false, false],
  ]);
});

Deno.test("findSkills() finds where a template reads thoughts and texts", () => {
  const parts = "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}" +
    "{% for p in m.content %}{{ p[p.type] }}{% endfor %}{% endif %}{% endfor %}";
  assert.equal(skills(parts).thoughtsAs, "parts");
  assert.equal(skills(PLAIN.replace("m.content", "m.reasoning ~ m.content")).thoughtsAs, "fields");
  assert.equal(skills(PLAIN).textInParts, false);
  assert.equal(skills("{{ messages[0].content[0].text }}").textInParts, true);
});
