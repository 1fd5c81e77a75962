import assert from "node:assert/strict";
import { TemplateError } from "#shared/jinja/errors.ts";
import { FILTERS, VARIADIC_FILTERS } from "./filters.ts";
import { STRING_METHODS } from "./strings.ts";
import { Template } from "./template.ts";
import type { Value } from "./values.ts";

const LIMITS = { steps: 40_000, characters: 4_000 };
/** A text that is made in one go may be this long: what bounds it is checked before. */
const LONGEST = 2 * LIMITS.characters;

/** Runs work, and fails if it makes texts of repeated characters that are too long. */
function watched<T>(work: () => T, what: string): T {
  const { repeat, padStart, padEnd } = String.prototype;
  const check = (length: number) =>
    assert.ok(length <= LONGEST, `${what} makes ${length} characters`);
  String.prototype.repeat = function (count) {
    check(this.length * count);
    return repeat.call(this, count);
  };
  String.prototype.padStart = function (length, fill) {
    check(length);
    return padStart.call(this, length, fill);
  };
  String.prototype.padEnd = function (length, fill) {
    check(length);
    return padEnd.call(this, length, fill);
  };
  try {
    return work();
  } finally {
    Object.assign(String.prototype, { repeat, padStart, padEnd });
  }
}

/** Texts that grow in one way or another, each as long as a text may be. */
const TEXTS = ["a", "ß", "ΐ", "<", "\x01", "\n", "\t", "é", "😀", "%c", "{}", "a b "].map((text) =>
  text.repeat(LIMITS.characters).slice(0, LIMITS.characters)
);
const VARIABLES: readonly (readonly [string, Value])[] = TEXTS.map((text, index) =>
  [`t${index}`, text] as const
);
const NAMES = VARIABLES.map(([name]) => name);
const LISTS = ["[t0, t1, t2, t3]", "['x'] * 4000", "{'a': t0, 'b': t3, 'c': t4}", "[[t0, t1]] * 9"];
const ARGUMENTS = [
  "10**9",
  "10**400",
  "-10**9",
  "t0",
  "'a'",
  "''",
  "none",
  "2",
  "true",
  "['a', t0]",
];

/** What a template says, or why it ends; fails if it makes too much. */
function outcome(source: string): string {
  return watched(() => {
    try {
      const template = new Template(source, { limits: LIMITS, now: () => new Date(0) });
      const text = template.render(VARIABLES);
      assert.ok(text.length <= LIMITS.characters, `${source} writes ${text.length} characters`);
      return text;
    } catch (error) {
      assert.ok(error instanceof TemplateError, `${source}: ${error}`);
      assert.doesNotMatch(error.message, /nests too deeply/, source);
      return error.message;
    }
  }, source);
}

/** Lists of arguments: all of one, and of two for a few values. */
function calls(names: number, isOneOfFew: boolean): string[] {
  const one = names === 0 ? [] : ARGUMENTS;
  const two = names > 1 && isOneOfFew
    ? ARGUMENTS.flatMap((first) => ARGUMENTS.map((second) => `${first}, ${second}`))
    : [];
  return ["", ...one, ...two].map((list) => list === "" ? "" : `(${list})`);
}

Deno.test("no filter makes more than a template may write, whatever it is given", () => {
  const values = ["'a\nb'", "[1]", ...NAMES, ...LISTS, "10**400"];
  for (const name of [...FILTERS.keys(), ...VARIADIC_FILTERS.keys()]) {
    const { names } = FILTERS.get(name) ?? { names: ["arguments"] };
    for (const [index, value] of values.entries()) {
      for (const args of calls(names.length, index < 2)) outcome(`{{ (${value})|${name}${args} }}`);
    }
  }
});

Deno.test("no method makes more than a template may write, whatever it is given", () => {
  const values = ["'a\tb'", ...NAMES, "'{:1000000000}{}'"];
  for (const name of [...STRING_METHODS.keys(), "format"]) {
    const { names } = STRING_METHODS.get(name) ?? { names: ["arguments"] };
    for (const [index, value] of values.entries()) {
      for (const args of calls(names.length, index < 2)) {
        outcome(`{{ (${value}).${name}${args || "()"} }}`);
      }
    }
  }
});

Deno.test("no operator makes more than a template may write, whatever it is given", () => {
  const formats = [
    "%1000000000d",
    "%.1000000000d",
    "%-1000000000s",
    "%01000000000x",
    "%+1000000000i",
  ];
  const others = ["%1000000000c", "%.1000000000f", "%1000000000e", "%.1000000000g", "%1000000000r"];
  for (const format of [...formats, ...others]) {
    const text = outcome(`{{ '${format}' % 65 }}`);
    assert.match(text, /more than 4000 characters|More than 100 digits/, format);
    assert.equal(outcome(`{{ '${format}'|format(65) }}`), text);
  }
  for (const width of ["", ".", "x<", "=", "^", "0", "+", "#"]) {
    for (const type of ["", "d", "x", "f", "g", "%", "n"]) {
      const text = outcome(`{{ '{:${width}1000000000${type}}'.format(65) }}`);
      assert.match(
        text,
        /more than 4000 characters|More than 100 digits|Invalid|code/,
        width + type,
      );
    }
  }
  const values = [...NAMES, ...LISTS, "'%*d'", "'%s%s%s'", "(t0,)", "[1]"];
  for (const left of [...values, ...ARGUMENTS]) {
    for (const right of [...values, ...ARGUMENTS]) {
      for (const operator of ["*", "%", "+", "~"]) {
        outcome(`{{ (${left}) ${operator} (${right}) }}`);
      }
    }
  }
});

Deno.test("what is bounded ends at the bound, and is not cut to some smaller number", () => {
  const bounded = [
    "{{ 'a\nb'|indent(10**9) }}",
    "{{ 'a'|indent(10**9, true) }}",
    "{{ [1]|tojson(indent=10**9) }}",
    "{{ 'a'|center(10**9) }}",
    "{{ '%.1000000000d' % 1 }}",
    "{{ t1|upper }}",
    "{{ t2.upper() }}",
    "{{ t1.casefold() }}",
    "{{ t2.swapcase() }}",
    "{{ t3|e }}",
    "{{ t4|tojson }}",
    "{{ t7|tojson(ensure_ascii=true) }}",
    "{{ [t4] }}",
    "{{ t7|urlencode }}",
    "{{ {'a': t0, 'b': t0}|urlencode }}",
    "{{ t0.replace('', 'b') }}",
    "{{ strftime_now(t9) }}",
    "{% filter indent(10**9, true) %}a{% endfilter %}",
  ];
  for (const source of bounded) assert.match(outcome(source), /more than 4000 characters/, source);
  assert.match(outcome("{{ [1]|batch(10**9, 0)|list }}"), /more than 40000 steps/);
  assert.match(outcome("{{ [1]|slice(10**9)|list }}"), /more than 40000 steps/);
  assert.equal(outcome("{{ 'a\nb'|indent(2000)|length }}"), "2003");
  assert.equal(outcome("{{ 'a'|indent(10**9) }}{{ []|tojson(indent=10**9) }}"), "a[]");
  assert.equal(outcome("{{ ('%.2000d' % 1)|length }}"), "2000");
});

Deno.test("changes that are made piece by piece are those of the whole text", () => {
  const text = "ß<'é😀\x01ab ".repeat(2_000);
  const render = (source: string) =>
    new Template(source, { now: () => new Date(0) }).render([["t", text]]);
  assert.equal(render("{{ t|upper }}"), text.toUpperCase());
  assert.equal(render("{{ t|tojson }}"), JSON.stringify(text));
  assert.equal(render("{{ t|urlencode }}"), encodeURIComponent(text).replaceAll("'", "%27"));
  assert.equal(render("{{ t|e }}"), text.replaceAll("<", "&lt;").replaceAll("'", "&#39;"));
  assert.equal(render("{{ 'aBß Σ'.swapcase() }}{{ 'éA'.capitalize() }}"), "AbSS σÉa");
  assert.equal(render("{{ 'a,b,c,d'.rsplit(',', 2) }}"), "['a,b', 'c', 'd']");
});

Deno.test("a message that a template writes is not longer than a message", () => {
  assert.equal(outcome("{{ raise_exception(t0) }}").length, 1_001);
});
