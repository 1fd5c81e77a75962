import assert from "node:assert/strict";
import { readGbnf } from "./gbnf.ts";
import { afterSpace, eitherGrammar } from "./either_grammar.ts";

const rulesOf = (text: string) => readGbnf(text).rules.map(({ name }) => name);

Deno.test("either of two grammars may have rules of the same names, and literals stay as they are", () => {
  const first = '# root of "all\nroot ::= "root" [root"] ws{2,3} # ws\nws ::= " "\n';
  const second = 'root ::= ws "ws\\"root" other-ws\nother-ws ::= "-"\nws ::= "\\t"';
  const text = eitherGrammar(first, second);
  assert.deepEqual(rulesOf(text), [
    ...["root", "first-root", "ws"],
    ...["other-root", "other-other-ws", "other-ws"],
  ]);
  assert.match(text, /^root ::= first-root \| other-root$/m);
  assert.match(text, /^first-root ::= "root" \[root"\] ws\{2,3\} # ws$/m);
  assert.match(text, /^other-root ::= other-ws "ws\\"root" other-other-ws$/m);
});

Deno.test("a grammar whose names are those that would be added gets others", () => {
  const first = 'root ::= first-root other-ws\nfirst-root ::= "a"\nother-ws ::= "b"';
  const text = eitherGrammar(first, 'root ::= ws\nws ::= "c"');
  assert.equal(new Set(rulesOf(text)).size, 6);
  assert.equal(new Set(rulesOf(afterSpace(first, 8))).size, 4);
});
