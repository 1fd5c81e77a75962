import assert from "node:assert/strict";
import fc from "fast-check";
import { checkGrammar } from "./check_grammar.ts";
import { costOf } from "./gbnf_cost.ts";
import { readGbnf } from "./gbnf.ts";
import { plainRules } from "./gbnf_rules.ts";
import { jsonGrammar } from "./json_grammar.ts";
import { literalChoice } from "./literal_choice.ts";

/** The expression of literals, groups and `?` as a regular expression. */
function asPattern(expression: string): RegExp {
  const source = expression.replace(
    /"((?:[^"\\]|\\.)*)"| /gsu,
    (_, text?: string) => text === undefined ? "" : RegExp.escape(text.replace(/\\(.)/gsu, "$1")),
  );
  return new RegExp(`^(?:${source})$`, "su");
}

const text = fc.string({
  unit: fc.constantFrom("a", "b", '"', "\\", "é", "😀", " "),
  maxLength: 6,
});

Deno.test("literalChoice() accepts each of its texts and nothing else", () => {
  fc.assert(
    fc.property(fc.array(text, { minLength: 33, maxLength: 80 }), text, (texts, other) => {
      const pattern = asPattern(literalChoice(texts));
      for (const each of texts) assert.match(each, pattern);
      assert.equal(pattern.test(other), texts.includes(other));
    }),
  );
});

Deno.test("literalChoice() of long texts with ever longer common prefixes has bounded nesting", () => {
  const texts = Array.from({ length: 200 }, (_, length) => "a".repeat(length + 1));
  const pattern = asPattern(literalChoice(texts));
  for (const each of texts) assert.match(each, pattern);
  assert.ok(!pattern.test("a".repeat(201)));
});

Deno.test("an enum of twenty thousand values has few ways to go on from any place", () => {
  const values = Array.from({ length: 20_000 }, (_, at) => `v${at}`);
  const { grammar } = jsonGrammar({ enum: values }, "json_schema");
  assert.ok(costOf(plainRules(readGbnf(grammar))).ways.count < 50);
  checkGrammar(grammar, "json_schema");
});
