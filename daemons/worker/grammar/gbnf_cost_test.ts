import assert from "node:assert/strict";
import { readGbnf } from "./gbnf.ts";
import { costOf } from "./gbnf_cost.ts";
import { plainRules } from "./gbnf_rules.ts";

const cost = (grammar: string) => costOf(plainRules(readGbnf(grammar)));

Deno.test("costOf() counts the ways to continue from the position that has most", () => {
  for (
    const [grammar, ways] of [
      ['root ::= "a" "b" | "c"', 2],
      ['root ::= "a"? "b"? "c"', 3],
      ['root ::= "x" (a | b) "y"\na ::= "1" | "2"\nb ::= [0-9]? "-"', 4],
      ['root ::= ("a"?){0,20}', 20],
      ['root ::= (("a"?){0,20}){0,30}', 600],
      ['root ::= c{0,100}\nc ::= b{0,100}\nb ::= "x"?', 10_000],
      // A repetition that leaves nothing behind does not multiply.
      ['root ::= ((("a" | "b")*)*)', 4],
    ] as const
  ) assert.equal(cost(grammar).ways.count, ways, grammar);
});

Deno.test("costOf() counts the steps of llama.cpp's search for loops", () => {
  const doubled = (count: number) =>
    `root ::= r0\n${
      Array.from({ length: count }, (_, at) => `r${at} ::= r${at + 1} | r${at + 1}`).join("\n")
    }\nr${count} ::= "x"`;
  assert.ok(cost(doubled(10)).search > 2 ** 10);
  assert.ok(cost(doubled(100)).search > 2 ** 100);
  assert.equal(cost(doubled(100)).depth.count, 102);
  assert.ok(cost(doubled(2_000)).search === Infinity);
});
