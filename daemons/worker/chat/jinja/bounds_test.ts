import assert from "node:assert/strict";
import { TemplateError } from "#shared/jinja/errors.ts";
import { Template } from "./template.ts";

const LIMITS = { steps: 200_000, characters: 100_000 };

/** The error of a template, and the steps are few enough to take no time. */
function refusal(source: string): string {
  try {
    const text = new Template(source, { limits: LIMITS, now: () => new Date(0) }).render([]);
    return `rendered ${text.length} characters`;
  } catch (error) {
    assert.ok(error instanceof TemplateError, String(error));
    return error.message;
  }
}

function bounded(title: string, reason: RegExp, sources: readonly string[]): void {
  Deno.test(title, () => {
    for (const source of sources) assert.match(refusal(source), reason, source.slice(0, 200));
  });
}

const grown = (change: string) =>
  `{% set n = namespace(x='ab', l=[1], i=3) %}{% for i in range(9999) %}{% set ${change} %}{% endfor %}`;

bounded("A template cannot run for long", /more than 200000 steps/, [
  "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
  "{% set q = [1] %}{% for x in q %}{% set _ = q.append(x) %}{% endfor %}",
  grown("n.l = n.l + n.l"),
  "{{ [0] * 10**9 }}",
  "{{ (0,) * 10**9 }}",
  "{{ [1]|batch(10**9, 0)|list }}",
  "{{ [1]|slice(10**9)|list }}",
  "{% set q = 'ab' * 40000 %}{% for i in range(9999) %}{% set z = 'c' in q %}{% endfor %}",
  "{% set q = 'ab' * 40000 %}{% for i in range(9999) %}{% set z = q[::-1] %}{% endfor %}",
  "{% set q = 'ab' * 40000 %}{% for i in range(9999) %}{% set z = q|upper %}{% endfor %}",
  "{% set q = range(9999)|list %}{% for i in range(9999) %}{% set z = q|sort %}{% endfor %}",
  "{% set q = range(9999)|list %}{% for i in range(9999) %}{% set z = i + 1 in q %}{% endfor %}",
  grown("n.l = [n.l, n.l]").replace("9999", "60") + "{{ n.l|tojson }}",
  grown("n.l = [n.l, n.l]").replace("9999", "60") + "{{ n.l == n.l|list }}",
]);

bounded("A template cannot write much", /more than 100000 characters/, [
  "{{ 'a' * 10**9 }}",
  grown("n.x = n.x + n.x"),
  grown("n.x = n.x ~ n.x"),
  "{{ '%1000000000d' % 1 }}",
  "{{ '{:1000000000}'.format(1) }}",
  "{{ 'a'.ljust(10**9) }}{{ 'a'|center(10**9) }}",
  "{{ 'a'.zfill(10**9) }}",
  "{{ '\t'.expandtabs(10**9) }}",
  "{% set q = 'a' * 10000 %}{% for i in range(9999) %}{{ q }}{% endfor %}",
  "{% set q = 'a' * 90000 %}{{ q|replace('a', 'bb') }}",
  "{{ (['a' * 1000] * 1000)|join }}",
]);

bounded(
  "A template cannot call itself without an end",
  /nests (more than 1000 levels|too deeply)/,
  [
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% macro f(x) %}{% if true %}{% for i in [1] %}{{ (f(x) ~ 'x')|trim }}{% endfor %}{% endif %}" +
    "{% endmacro %}{{ f(1) }}",
    "{% macro f(x) %}{% call f(x) %}{{ f(x) }}{% endcall %}{{ caller() }}{% endmacro %}{{ f(1) }}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    `{{ 1${" + 1".repeat(5_000)} }}`,
    `{{ a${"|e".repeat(5_000)} }}`,
  ],
);

bounded("A template cannot nest without an end", /more than 200 (nested )?levels/i, [
  `{{ ${"(".repeat(5_000)}1${")".repeat(5_000)} }}`,
  `{{ ${"[".repeat(5_000)}${"]".repeat(5_000)} }}`,
  "{% if 1 %}".repeat(5_000),
  `{{ ${"not ".repeat(5_000)}1 }}`,
  `{{ ${"-".repeat(5_000)}1 }}`,
  "{% set n = namespace() %}{% set n.x = n %}{{ n }}",
  "{% set q = [] %}{% set _ = q.append(q) %}{{ q|tojson }}",
]);

bounded("A template cannot compute large numbers", /more than 4096 bits/, [
  "{{ 2 ** (10 ** 9) }}",
  grown("n.i = n.i * n.i"),
]);

bounded("A template has only short ranges", /Range too big/, [
  "{% for i in range(10**9) %}{% endfor %}",
  "{{ range(10**9)|list }}",
  "{{ range(0, -(10**400), -1) }}",
]);

Deno.test("A template reaches nothing of JavaScript", () => {
  const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then"];
  const values = ["x", "{}", "[]", "''", "(1,)", "range(2)", "namespace()", "range", "1", "none"];
  for (const name of names) {
    for (const value of values) {
      const source = value === "x" ? "{% macro x() %}{% endmacro %}" : "";
      const shown = new Template(
        `${source}{{ (${value}).${name} is defined }}{{ (${value})['${name}'] is defined }}`,
        { now: () => new Date(0) },
      ).render([]);
      assert.equal(shown, "FalseFalse", `${value}.${name}`);
    }
    assert.match(refusal(`{{ ''|${name} }}`), /No filter/);
    assert.match(refusal(`{{ '' is ${name} }}`), /No test/);
    assert.equal(refusal(`{{ ${name} }}`), "rendered 0 characters");
  }
});
