import assert from "node:assert/strict";
import { TemplateError } from "#shared/jinja/errors.ts";
import { MOST_AT_ONCE, STEPS_OF_A_TURN } from "./budget.ts";
import { Template } from "./template.ts";

const STEPS = 400_000;

/** How often a template that never ends can be interrupted before its steps are used up. */
function interruptions(source: string): number {
  const template = new Template(source, { limits: { steps: STEPS }, now: () => new Date(0) });
  const work = template.rendering([]);
  let count = 0;
  const run = () => {
    while (!work.next().done) count++;
  };
  assert.throws(run, /takes more than 400000 steps/, source);
  return count;
}

const endless =
  "{% for i in range(9999) %}{% for j in range(9999) %}{{ i }}{% endfor %}{% endfor %}";
const macro = `{% macro f() %}${endless}{% endmacro %}`;

Deno.test("a rendering can be interrupted wherever statements are run", () => {
  const sources = [
    endless,
    `{% if true %}${endless}{% endif %}`,
    `{% set x %}${endless}{% endset %}`,
    "{% for i in range(99999) if i is odd and i is even %}{% endfor %}".repeat(9),
    `{% filter trim %}${endless}{% endfilter %}`,
    `{% for x in [1] recursive %}{% if loop.depth < 3 %}{{ loop([1]) }}{% endif %}${endless}{% endfor %}`,
    ...["{{ f() }}", "{{ 'a' ~ f() }}", "{{ 'a' + f()|trim }}", "{% set x = f() %}"]
      .map((call) => macro + call),
    `${macro}{% macro g() %}{{ caller() }}{% endmacro %}{% call g() %}{{ f() }}{% endcall %}`,
    "{% set q = range(999)|list %}{% for i in range(9999) %}{% set z = q|sort|tojson %}{% endfor %}",
  ];
  // A statement may take more than a turn, never less than none.
  const least = STEPS / STEPS_OF_A_TURN / 4;
  for (const source of sources) {
    const count = interruptions(source);
    assert.ok(count >= least, `${count} times: ${source}`);
  }
});

/** Why a template with the usual limits ends. */
function refusal(source: string): string {
  try {
    return new Template(source, { now: () => new Date(0) }).render([]).slice(0, 200);
  } catch (error) {
    assert.ok(error instanceof TemplateError, String(error));
    return error.message;
  }
}

const doubled = (name: string, first: string, both: string) =>
  `{% set n = namespace(${name}=${first}) %}{% for i in range(60) %}{% set n.${name} = ${both} %}{% endfor %}`;
const nested = doubled("x", "[1]", "[n.x, n.x]");
const pairs = doubled("x", "1", "(n.x, n.x)");

Deno.test("what cannot be interrupted ends after far fewer steps than a template has", () => {
  assert.equal(MOST_AT_ONCE, 1_000_000);
  const sources = [
    `${nested}{{ n.x }}`,
    `${nested}{{ n.x|tojson }}`,
    `${nested}{{ n.x == n.x|list }}`,
    `${macro}{{ [f()] }}`,
    "{% set q = ([[0] * 1000] * 400)|sum(start=[]) %}{{ q|sort|map('string')|sort|list }}",
  ];
  for (const source of sources) {
    assert.match(refusal(source), /takes more than 1000000 steps at once/, source);
  }
});

Deno.test("a tuple of many parts is no key", () => {
  for (
    const use of ["{{ {n.x: 1} }}", "{{ n.x in {} }}", "{{ {}[n.x] }}", "{{ [n.x]|unique|list }}"]
  ) {
    assert.match(refusal(pairs + use), /A key of a dict has more than 1000 parts/, use);
  }
  assert.equal(refusal("{{ {(1, (2, 'a')): 3}[(1, (2, 'a'))] }}"), "3");
});

Deno.test("an operation takes steps by the work that it does", () => {
  const texts = [
    "t.title()",
    "t|truncate(9)",
    "[t]|string",
    "t.isalnum()",
    "'x' in t",
    "t|reverse",
  ];
  const others = ["dict(d)", "d.copy()", "{}.update(d)", "d.popitem()", "l|unique|list", "l|sort"];
  for (const work of [...texts, ...others]) {
    const source = "{% set t = 'a b ' * 25000 %}{% set d = {} %}{% set l = range(9999)|list %}" +
      "{% for i in l %}{% set _ = d.update({i: i}) %}{% endfor %}" +
      `{% for i in range(200) %}{% set _ = ${work} %}{% endfor %}`;
    const template = new Template(source, { limits: { steps: STEPS }, now: () => new Date(0) });
    assert.throws(() => template.render([]), /takes more than 400000 steps/, work);
  }
});
