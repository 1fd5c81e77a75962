import assert from "node:assert/strict";
import { readGbnf } from "./gbnf.ts";
import { findLoop, type LoopOptions } from "./gbnf_loops.ts";
import { plainRules } from "./gbnf_rules.ts";

const loopIn = (grammar: string, options?: LoopOptions) =>
  findLoop(plainRules(readGbnf(grammar)), options)?.message;

const BEGINS = "it begins with itself";
const READ_FIRST = ", with nothing read: let it read something first";
const REPEATS = "it repeats without end what may be empty: repeat what reads something";

const loops: readonly (readonly [grammar: string, message: string])[] = [
  ['root ::= root "a" | "b"', `root: ${BEGINS}${READ_FIRST} (line 1, column 1)`],
  // Through something optional, which llama.cpp itself does not see.
  ['root ::= e root "a"\ne ::= "x"?', `root: ${BEGINS}${READ_FIRST} (line 1, column 1)`],
  ['root ::= ("x")? root "a" | "b"', `root: ${BEGINS}${READ_FIRST} (line 1, column 1)`],
  ['root ::= e{0,3} root "a" | "b"\ne ::= "x"', `root: ${BEGINS}${READ_FIRST} (line 1, column 1)`],
  ['root ::= ([a-z] | "")+ root "a"', `root: ${BEGINS}${READ_FIRST} (line 1, column 1)`],
  [
    'root ::= expr\nexpr ::= ws expr ws "+" ws expr | [0-9]+\nws ::= [ \\t]*',
    `expr: ${BEGINS}${READ_FIRST} (line 2, column 1)`,
  ],
  // Through several rules, and in a group.
  [
    'root ::= "x"\na ::= ("y" | b "z")\nb ::= "q"? a',
    `a: ${BEGINS}, by way of b${READ_FIRST} (line 2, column 1)`,
  ],
  [
    'root ::= a "z"\na ::= e f b "1"\nb ::= f c "2" | "b"\nc ::= e e a\ne ::= f\nf ::= g*\ng ::= "g"',
    `a: ${BEGINS}, by way of b, c${READ_FIRST} (line 2, column 1)`,
  ],
  ['root ::= ("a" | (root)* "b")', `root: ${BEGINS}${READ_FIRST} (line 1, column 1)`],
  // Grammars that llama.cpp refuses itself.
  ['root ::= "a"**', `root: ${REPEATS} (line 1, column 1)`],
  ['root ::= "a"? "b"{0,3}+', `root: ${REPEATS} (line 1, column 1)`],
  ['root ::= "x"? root | "b"', `root: ${BEGINS}${READ_FIRST} (line 1, column 1)`],
];

for (const [grammar, message] of loops) {
  Deno.test(`a grammar's loop is found and named: ${JSON.stringify(grammar)}`, () => {
    assert.equal(loopIn(grammar), message);
  });
}

Deno.test("rules that read something before they repeat are not a loop", () => {
  for (
    const grammar of [
      'root ::= "(" root ")" | "x"',
      'root ::= a*\na ::= "a" root?',
      'root ::= ("a"?){0,5} [a-z]*',
      'root ::= "a" root | ',
      'root ::= root{0} "a"',
    ]
  ) assert.equal(loopIn(grammar, { all: true }), undefined, grammar);
});

Deno.test("a repetition after which nothing is left to read is a loop only in other versions of llama.cpp", () => {
  for (
    const grammar of [
      'root ::= ("a"*)*',
      'root ::= ("b" (e)+)\ne ::= [a-z]{0,3}',
      'root ::= e e root | "b"\ne ::= f\nf ::= "" | "f"',
    ]
  ) {
    assert.equal(loopIn(grammar), undefined, grammar);
    assert.ok(loopIn(grammar, { all: true }), grammar);
  }
});

Deno.test("a loop through thousands of rules is found, in little time", () => {
  const n = 5_000;
  const rules = Array.from({ length: n }, (_, at) => `r${at} ::= r${at + 1} "x"`).join("\n");
  const start = performance.now();
  const loop = loopIn(`root ::= r0\n${rules}\nr${n} ::= r0 "x"`);
  assert.match(loop!, /^r0: it begins with itself, by way of r1, r2, r3, r4, r5, …, with nothing/);
  assert.ok(performance.now() - start < 30_000, "its work grows too fast");
});
