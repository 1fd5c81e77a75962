import assert from "node:assert/strict";
import { checkGrammar } from "./check_grammar.ts";

const nested = (depth: number) => `root ::= ${"(".repeat(depth)}"a"${")".repeat(depth)}`;

Deno.test("checkGrammar() accepts grammars that llama.cpp can use", () => {
  checkGrammar('root ::= "a" b{2,5}\nb ::= [a-z]+ | "\\n"', "grammar");
  checkGrammar(nested(100), "grammar");
});

for (
  const [problem, grammar, expected] of [
    ["is nested too deep", nested(20_000), /grammar: is nested 20000 deep: at most 100/],
    ["is too large", `root ::= "${"a".repeat(600_000)}"`, /grammar: is too large: 600000 char/],
    ["has a token after text", 'root ::= "a" !<[5]>', /root: a token's number may not follow text/],
    ["names no rule", "root ::= nope", /grammar: root: .*nope.* \(line 1, column 10\)/],
  ] as const
) {
  Deno.test(`checkGrammar() refuses a grammar that ${problem}, naming the field`, () => {
    assert.throws(() => checkGrammar(grammar, "grammar"), expected);
  });
}
