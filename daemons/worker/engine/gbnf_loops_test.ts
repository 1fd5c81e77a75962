import assert from "node:assert/strict";
import { readGbnf } from "./gbnf.ts";
import { findLoop } from "./gbnf_loops.ts";

const loops: readonly (readonly [grammar: string, message: string])[] = [
  ['root ::= root "a" | "b"', "root: it begins with itself (line 1, column 1)"],
  [
    'root ::= "x"\na ::= ("y" | b "z")\nb ::= "q"? a',
    "a: it begins with itself, by way of b (line 2, column 1)",
  ],
  [
    'root ::= e e root | "b"\ne ::= f\nf ::= "" | "f"',
    "root: it begins with itself (line 1, column 1)",
  ],
  ['root ::= ("a"*)*', "root: it repeats without end what may be empty (line 1, column 1)"],
  [
    'root ::= ("b" (e)+)\ne ::= [a-z]{0,3}',
    "root: it repeats without end what may be empty (line 1, column 1)",
  ],
  [
    'root ::= "a"? "b"{0,3}+',
    "root: it repeats without end what may be empty (line 1, column 1)",
  ],
];

for (const [grammar, message] of loops) {
  Deno.test(`a grammar's loop is found and named: ${JSON.stringify(grammar)}`, () => {
    assert.equal(findLoop(readGbnf(grammar))?.message, message);
  });
}

Deno.test("rules that read something before they come round again are no loop", () => {
  for (
    const grammar of [
      'root ::= "(" root ")" | "x"',
      'root ::= a*\na ::= "a" root?',
      'root ::= ("a"?){0,5} [a-z]*',
      'root ::= "a" root | ',
    ]
  ) assert.equal(findLoop(readGbnf(grammar)), undefined, grammar);
});

Deno.test("a loop through thousands of rules is found, in little time", () => {
  const n = 5_000;
  const rules = Array.from({ length: n }, (_, at) => `r${at} ::= ""* r${at + 1} | ""`);
  assert.throws(
    () => readGbnf(`root ::= r0\n${rules.join("\n")}\nr${n} ::= r0`),
    /nothing to repeat/,
  );
  const taken = rules.map((rule) => rule.replace('""* ', "")).join("\n");
  const start = performance.now();
  const loop = findLoop(readGbnf(`root ::= r0\n${taken}\nr${n} ::= r0`));
  assert.match(loop!.message, /^r0: it begins with itself, by way of r1, /);
  assert.ok(performance.now() - start < 2_000, "it took more than two seconds");
});
