import assert from "node:assert/strict";
import { readGbnf } from "./gbnf.ts";
import { findGrowth } from "./gbnf_growth.ts";
import { jsonGrammar } from "./json_grammar.ts";
import { plainRules } from "./gbnf_rules.ts";

const growth = (grammar: string) => findGrowth(plainRules(readGbnf(grammar)))?.of;

Deno.test("a character whose repetitions can be parsed in ever more ways is found", () => {
  for (
    const grammar of [
      'root ::= ("a"+)+',
      'root ::= ([a-z]+ " "?)+',
      'root ::= "(" ws ws ws ws ws ws ")"\nws ::= [ \\t]*',
      'root ::= "y"+ root | "."',
      "root ::= word+\nword ::= letter+ | letter\nletter ::= [^ ]",
      'root ::= (".:"+)+ "x"',
      'root ::= ("\\r\\n"+)+ "x"',
      'root ::= " " root{0,3} "x"{1,2}',
      "root ::= | a | ([ \\t])+ root a\na ::= |",
    ]
  ) assert.equal(growth(grammar), "readings", grammar);
});

Deno.test("a text that can continue in ever more ways is found", () => {
  for (
    const grammar of [
      'root ::= "a" root "b" | "a" root "c" | "a"',
      'root ::= "-" s\ns ::= "ab" s "b" | "ab" s "c" | "d"',
    ]
  ) assert.equal(growth(grammar), "stacks", grammar);
});

Deno.test("a rule that comes again within itself before its choices are told apart is found", () => {
  const tree = (one: string, other: string) =>
    `root ::= a | b\na ::= "{" ws ${one} "}"\nb ::= "{" ws ${other} "}"\n` +
    'ws ::= [ \\n]{0,20}\nx ::= "x" ws\ny ::= "y" ws\nin ::= "left:" ws root';
  assert.equal(growth(tree("in? x", "in? y")), "stacks");
  assert.equal(growth(tree("x in?", "y in?")), undefined);
});

Deno.test("grammars as people write them do not grow", () => {
  assert.equal(growth('root ::= sum\nsum ::= [0-9]+ ("+" sum)*'), undefined);
  for (
    const grammar of [
      'root ::= line+\nline ::= [^\\n]* "\\n"?',
      'root ::= (word " ")* word\nword ::= [a-z]+',
      'root ::= (expr "=" ws term "\\n")+\nexpr ::= term ([-+*/] term)*\n' +
      'term ::= ident | num | "(" ws expr ")" ws\nident ::= [a-z] [a-z0-9_]* ws\n' +
      "num ::= [0-9]+ ws\nws ::= [ \\t\\n]*",
      'root ::= ws ws ws "a"\nws ::= [ \\t]*',
      // A rule that is never reached does no harm.
      'root ::= "a"\nother ::= ("a"+)+',
      jsonGrammar({}, "json_schema").grammar,
      jsonGrammar({ enum: Array.from({ length: 5_000 }, (_, at) => `v${at}`) }, "json_schema")
        .grammar,
    ]
  ) assert.equal(growth(grammar), undefined, grammar.slice(0, 100));
});
