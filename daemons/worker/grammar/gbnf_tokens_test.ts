import assert from "node:assert/strict";
import { readGbnf } from "./gbnf.ts";
import { leftGraphs } from "./gbnf_left.ts";
import { plainRules } from "./gbnf_rules.ts";
import { tokenAfterText } from "./gbnf_tokens.ts";

const find = (grammar: string) => {
  const rules = plainRules(readGbnf(grammar));
  return tokenAfterText(rules, leftGraphs(rules).exact.mayBeEmpty)?.of.name;
};

Deno.test("tokenAfterText() finds a token that may directly follow text", () => {
  const found = [
    'root ::= "a" <[5]>',
    'root ::= "a" !<[5]>',
    'root ::= "a"* <[5]>',
    'root ::= ("a" | <[5]>)+',
    'root ::= "a" b? <[5]>\nb ::= <[6]>',
    'root ::= b c\nb ::= <[5]> "a"\nc ::= d? <[6]>\nd ::= <[7]>',
    'root ::= <[5]> root root | "b"',
  ];
  for (const grammar of found) assert.equal(find(grammar), "root", grammar);
  assert.equal(find('root ::= <[5]> b\nb ::= "a" b | <[6]>'), "b");
});

Deno.test("tokenAfterText() lets tokens follow tokens, and text follow them", () => {
  const fine = [
    "root ::= <[12]> !<[7]>* <[7]>",
    'root ::= <[5]>? "a" [b]*',
    'root ::= b* "x"\nb ::= <[5]> | <[6]> b',
    'root ::= "a" b? "c" | <[5]>\nb ::= "b"',
  ];
  for (const grammar of fine) assert.equal(find(grammar), undefined, grammar);
});
