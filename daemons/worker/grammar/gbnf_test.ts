import assert from "node:assert/strict";
import { getLlama } from "node-llama-cpp";
import { GbnfError, readGbnf } from "./gbnf.ts";
import { jsonGrammar } from "./json_grammar.ts";

/** Valid grammars, and their sizes. */
const accepted: readonly (readonly [name: string, grammar: string, size: number])[] = [
  ["a literal", 'root ::= "abc"', 3],
  ["an empty literal", 'root ::= ""', 0],
  ["escapes in a literal", String.raw`root ::= "\x41\u00e9\U0001F600\t\r\n\\\"\[\]\-"`, 11],
  ["characters beyond ASCII", 'root ::= "é😀" [äöü] # ß', 5],
  ["a line break in a literal", 'root ::= "a\nb"', 3],
  ["a class", "root ::= [a-zA-Z_]", 5],
  ["a class without", 'root ::= [^"\\\\\\x00-\\x1F]', 4],
  ["a hyphen at the end of a class", "root ::= [a-c-]", 3],
  ["a caret within a class", "root ::= [a^]", 2],
  ["an empty class", "root ::= []", 0],
  ["any character", "root ::= . .", 2],
  ["choices", 'root ::= "a" | "b" | ', 4],
  ["choices over lines, the bar at the end", 'root ::= "a" |\n  "b" |\r\n# or\n "c"', 5],
  ["groups over lines", 'root ::= (\n "a"\n | "b" # b\n) "c"', 4],
  ["groups within groups", 'root ::= (("a") | (("b")))', 3],
  ["an empty group", "root ::= ()", 1],
  ["none or one", 'root ::= "a"?', 1],
  ["any number", 'root ::= "ab"* [a-z]*', 4],
  ["one or more", "root ::= .+", 1],
  ["exactly N", 'root ::= "ab"{3}', 6],
  ["at least N", 'root ::= "a"{3,}', 3],
  ["from N to M", 'root ::= "a"{2,5}', 5],
  ["from none to N", 'root ::= ("a"{10}){0,10}', 100],
  ["none at all", 'root ::= "a"{0} "b"', 1],
  ["spaces in a repetition", 'root ::= "a" { 2 , 5 }', 5],
  ["lines in a repetition of a group's item", 'root ::= ("a"{\n2\n,\n5\n})', 5],
  ["more than llama.cpp counts, which means any number", 'root ::= "a"{1,5000}', 1],
  ["repeated repetitions", 'root ::= "a"{3}{4}', 12],
  ["a space before a repetition", 'root ::= "a" *', 1],
  ["several rules", 'root ::= a b-2\na ::= "a"\n\nb-2 ::= [0-9]\n', 5],
  ["names of digits", 'root ::= 1 -\n1 ::= "a"\n- ::= "b"', 4],
  ["rules in any order, in themselves", 'x ::= "(" x ")" | "x"\nroot ::= x', 6],
  ["a rule on the line after", 'root ::=\n  "a"', 1],
  ["lines that end in CR or CRLF", 'root ::= a\r\na ::= "a"\rb ::= "b"', 3],
  ["comments", '# all\nroot ::= "a" # a\n  # more\n', 1],
  ["a rule that is given again", 'root ::= "a"\nroot ::= "bc"', 3],
  ["tokens by number", "root ::= <[12]> !<[7]>*", 2],
];

Deno.test("a grammar has the size that it has in llama.cpp, and llama.cpp accepts it", async (t) => {
  const llama = await getLlama({
    ...{ gpu: false, build: "never", skipDownload: true, progressLogs: false } as const,
  });
  for (const [name, grammar, size] of accepted) {
    await t.step(name, async () => {
      assert.equal(readGbnf(grammar).size, size);
      await llama.createGrammar({ grammar });
    });
  }
  await t.step("one that is made of a schema", async () => {
    const { grammar } = jsonGrammar({
      properties: { a: { type: "string", maxLength: 9 }, b: { items: { enum: ["x", 1, null] } } },
    }, "json_schema");
    assert.ok(readGbnf(grammar).size > 100);
    await llama.createGrammar({ grammar });
  });
  await llama.dispose();
});

const refused: readonly (readonly [problem: string, grammar: string, message: string])[] = [
  [
    "an undefined rule",
    'root ::= "a" (nope)\nx ::= [\n]',
    "root: rule nope is not defined (line 1, column 15)",
  ],
  ["no root", 'x ::= "a"', "there is no rule root (line 1, column 1)"],
  ["nothing", " # nothing\n", "there is no rule root (line 1, column 1)"],
  ["no name", '"a"', "expected the name of a rule (line 1, column 1)"],
  ["an underscore in a name", 'a_b ::= "a"', "a: expected ::= (line 1, column 2)"],
  ["no ::=", "root = x", "root: expected ::= (line 1, column 6)"],
  [
    "something after a rule",
    'root ::= "a" ) x',
    "root: expected the end of the line (line 1, column 14)",
  ],
  [
    "a bar at the beginning of a line",
    'root ::= "a"\n  | "b"',
    "expected the name of a rule (line 2, column 3)",
  ],
  ["an open literal", 'root ::= "a\n', "root: this literal is not closed (line 1, column 10)"],
  ["an open class", "root ::= x [a-", "root: this class is not closed (line 1, column 12)"],
  ["an open group", 'root ::= ("a" (\n"b")', "root: this group is not closed (line 1, column 10)"],
  [
    "an unknown escape",
    String.raw`root ::= "\d"`,
    String
      .raw`root: unknown escape: \t \r \n \\ \" \[ \] \- \x \u \U are known (line 1, column 11)`,
  ],
  [
    "an escape at the end",
    'root ::= "\\',
    String
      .raw`root: unknown escape: \t \r \n \\ \" \[ \] \- \x \u \U are known (line 1, column 11)`,
  ],
  [
    "too few digits",
    String.raw`root ::= "\u12"`,
    String.raw`root: \u needs 4 hexadecimal digits (line 1, column 11)`,
  ],
  [
    "nothing to repeat",
    "root ::= | *",
    "root: there is nothing to repeat before this (line 1, column 12)",
  ],
  [
    "a literal of nothing, repeated",
    'root ::= ""+',
    "root: there is nothing to repeat before this (line 1, column 12)",
  ],
  [
    "none, repeated",
    'root ::= "a"{0}?',
    "root: there is nothing to repeat before this (line 1, column 16)",
  ],
  ["no number", 'root ::= "a"{,3}', "root: expected a number (line 1, column 14)"],
  ["an open repetition", 'root ::= "a"{3 ', "root: expected } (line 1, column 16)"],
  [
    "less than at least",
    'root ::= "a"{3,2}',
    "root: at least 3 is more than at most 2 (line 1, column 13)",
  ],
  ["too many", 'root ::= "a"{2001}', "root: this repeats too much (line 1, column 13)"],
  [
    "too many of too many",
    'root ::= ("a"{1,50}){1,50}',
    "root: this repeats too much (line 1, column 21)",
  ],
  [
    "a number that no machine holds",
    `root ::= "a"{1,${"9".repeat(30)}}`,
    "root: this repeats too much (line 1, column 13)",
  ],
  [
    "a token by name",
    "root ::= <think>",
    "root: a token is given by its number, as in <[123]> (line 1, column 10)",
  ],
  [
    "a token beyond all",
    "root ::= <[4294967296]>",
    "root: the token's number is too large (line 1, column 10)",
  ],
  [
    "a code beyond all characters",
    'root ::= "\\U00110000"',
    "root: \\U00110000 is no character (line 1, column 11)",
  ],
  ["a NUL", 'root ::= "a\0b"', "a NUL would end the grammar (line 1, column 12)"],
];

for (const [problem, grammar, message] of refused) {
  Deno.test(`a grammar is refused with the rule and the position: ${problem}`, () => {
    assert.throws(() => readGbnf(grammar), (error) => {
      assert.ok(error instanceof GbnfError);
      assert.equal(error.message, message);
      return true;
    });
  });
}

Deno.test("a rule has its parts, its position and the rules that it uses", () => {
  const { rules, depth } = readGbnf('root ::= a (a? | "x"{2,3})\na ::= [0-9]');
  assert.equal(depth, 1);
  const [root, a] = rules;
  assert.deepEqual(root, {
    name: "root",
    line: 1,
    column: 1,
    references: [{ name: "a", line: 1, column: 10 }, { name: "a", line: 1, column: 13 }],
    depth: 1,
    size: 6,
    choices: [[
      { kind: "reference", name: "a", min: 1, max: 1, size: 1 },
      {
        kind: "group",
        choices: [
          [{ kind: "reference", name: "a", min: 0, max: 1, size: 1 }],
          [{ kind: "text", reads: [0x78], min: 2, max: 3, size: 3 }],
        ],
        min: 1,
        max: 1,
        size: 5,
      },
    ]],
  });
  assert.deepEqual([a!.name, a!.line, a!.depth, a!.references], ["a", 2, 0, []]);
});

Deno.test("a rule has the code points, and ranges of them, that it reads", () => {
  const reads = (text: string) =>
    readGbnf(`root ::= ${text}`).rules[0]!.choices[0]!.flatMap((item) => item.reads);
  assert.deepEqual(reads(String.raw`"a\x42\u00e9\n\"😀"`), [97, 0x42, 0xe9, 10, 34, 0x1f600]);
  assert.deepEqual(reads("[^a-c\\]x-]"), [{
    not: true,
    ranges: [[97, 99], [93, 93], [120, 120], [45, 45]],
  }]);
  assert.deepEqual(reads("."), [{ not: true, ranges: [] }]);
  assert.deepEqual(reads('"" [] [^] <[5]>'), ["token"]);
});

Deno.test("a repetition of a repetition counts as nested", () => {
  const { rules: [root], depth } = readGbnf('root ::= ("a"*)+ "b"{2}?{3}');
  assert.equal(depth, 2);
  const b = { kind: "text", reads: [0x62], min: 2, max: 2, size: 2 };
  const again = { kind: "group", isRepetition: true };
  const some = { ...again, choices: [[b]], min: 0, max: 1, size: 2 };
  const thrice = { ...again, choices: [[some]], min: 3, max: 3, size: 6 };
  assert.deepEqual(root!.choices[0]![1], thrice);
});

Deno.test("a grammar of the largest allowed length is read at any depth", () => {
  const n = 30_000;
  assert.equal(readGbnf(`root ::= ${"(".repeat(n)}"a"${")".repeat(n)}`).depth, n);
  assert.equal(readGbnf(`root ::= ${'"a"? '.repeat(n)}`).size, n);
  assert.equal(readGbnf(`root ::= "a"${"?".repeat(n)}`).depth, n - 1);
  assert.throws(() => readGbnf(`root ::= ${"(".repeat(n)}`), /not closed/);
  assert.equal(readGbnf(`${"a ::= root\n".repeat(n)}root ::= a`).rules.length, n + 1);
});
