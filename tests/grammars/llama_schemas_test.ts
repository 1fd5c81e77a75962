/**
 * The schemas of llama.cpp's own tests, read from the source that node-llama-cpp carries: each
 * becomes a grammar, strict or not, that takes what fits and nothing else.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { getLlama } from "node-llama-cpp";
import { checkAnswer } from "../../daemons/worker/grammar/check_answer.ts";
import { requestGrammar } from "../../daemons/worker/grammar/request_grammar.ts";
import { llamaSource } from "../support/llama_source.ts";

interface Case {
  readonly name: string;
  readonly isTaken: boolean;
  readonly schema: Record<string, unknown>;
}

/** Answers by the schema's name: those that fit, then those that do not. */
const ANSWERS: Readonly<Record<string, readonly [yes: readonly string[], no: readonly string[]]>> =
  {
    "min 0": [["0", "7", "9007199254740993"], ["-1", "01", "0.5"]],
    "min 1": [["1", "10"], ["0", "-1"]],
    "min 3": [["3", "9", "10", "29"], ["2", "0", "-3"]],
    "min 9": [["9", "10", "99"], ["8", "-9"]],
    "min 10": [["10", "99", "100"], ["9", "-10"]],
    "min 25": [["25", "30", "100"], ["24", "3", "-25"]],
    "max 30": [["30", "9", "-1", "-100"], ["31", "100"]],
    "min -5": [["-5", "-1", "0", "77"], ["-6", "-10"]],
    "min -123": [["-123", "-99", "0", "5"], ["-124", "-200"]],
    "max -5": [["-5", "-10", "-999"], ["-4", "0", "5"]],
    "max 1": [["1", "0", "-5"], ["2", "10"]],
    "max 100": [["100", "9", "-1"], ["101", "999"]],
    "min 0 max 23": [["0", "9", "23"], ["24", "-1"]],
    "min 15 max 300": [["15", "99", "300"], ["14", "301"]],
    "min 5 max 30": [["5", "30"], ["4", "31"]],
    "min -123 max 42": [["-123", "0", "42"], ["-124", "43"]],
    "min -10 max 10": [["-10", "0", "10"], ["-11", "11"]],
    "empty schema (object)": [["{}", "1", '{"a":[null]}'], ["x", "{"]],
    "exotic formats": [
      ['["2024-01-31","123e4567-e89b-12d3-a456-426614174000","23:59:59Z","2024-01-31T00:00:00Z"]'],
      ['["2024-13-31"]', "[1]", '["2024-01-31",""]'],
    ],
    "string": [['""', '"é\\n"'], ["1", '"']],
    "string w/ min length 1": [['"a"'], ['""']],
    "string w/ min length 3": [['"abc"', '"abcd"'], ['"ab"']],
    "string w/ max length": [['""', '"abc"'], ['"abcd"']],
    "string w/ min & max length": [['"a"', '"abcd"'], ['""', '"abcde"']],
    "boolean": [["true", "false"], ["null", "1"]],
    "integer": [["0", "-12", "9223372036854775807"], ["1.5", "01", "9223372036854775808"]],
    "string const": [['"foo"'], ['"bar"', "foo"]],
    "non-string const": [["123"], ['"123"', "12"]],
    "non-string enum": [['"red"', "null", "42", '["foo"]'], ['"blue"', "[]"]],
    "string array": [["[]", '["a","b"]'], ["[1]", "null"]],
    "nullable string array": [["null", '["a"]'], ["[1]", '"a"']],
    "tuple1": [['["a"]'], ["[1]", '["a",1]']],
    "tuple2": [['["a",1.5]'], ['["a","b"]', '["a"]']],
    "array with empty items": [["[]", '[1,"a",{}]'], ["1"]],
    "array with empty items and prefixItems": [["[]", '["a",1]'], ["1"]],
    "number": [["1", "-0.5", "1e5"], ["01", '"1"', "1."]],
    "minItems": [["[true,false]"], ["[true]", "[]"]],
    "maxItems 0": [["[]", "[ ]"], ["[true]"]],
    "maxItems 1": [["[]", "[true]"], ["[true,true]"]],
    "maxItems 2": [["[]", "[true,true]"], ["[true,true,true]"]],
    "min + maxItems": [["[1,2.5,3]", "[1,2,3,4,5]"], ["[1,2]", "[1,2,3,4,5,6]"]],
    "min + max items with min + max values across zero": [["[-12,0,207]"], ["[-13,0,1]", "[1,2]"]],
    "min + max items with min + max values": [["[12,99,207]"], ["[11,12,13]", "[12,13]"]],
    "simple regexp": [['"abcdefgkl"', '"abefgggkl"', '"abcddefghijkl"'], [
      '"abcdefgk"',
      '"xabefgkl"',
    ]],
    "regexp escapes": [['"[]{}()|+*?"'], ['"[]"']],
    "regexp quote": [['"\\""'], ['"a"', '""']],
    // The anchors belong to the first and the last choice, as in any regular expression.
    "regexp with top-level alternation": [['"A"', '"Ax"', '"xB"', '"xD"'], ['"xA"', '"Dx"', '""']],
    "regexp": [['"(1)123-4567 aaandabc"', '"123-4567 aaaaandxyz"'], ['"123-4567 aandabc"', '""']],
    "required props in original order": [['{"b":"","c":"","a":""}'], ['{"b":"","c":""}', "{}"]],
    "1 optional prop": [["{}", '{"a":""}'], ['{"b":""}', '{"a":1}']],
    "N optional props": [["{}", '{"a":"","c":""}', '{"b":""}'], ['{"d":""}']],
    "required + optional props each in original order": [
      ['{"b":"","a":""}', '{"b":"","a":"","d":"","c":""}'],
      ['{"a":""}', '{"b":"","a":"","x":""}'],
    ],
    "additional props": [["{}", '{"x":[1,2.5]}'], ['{"x":1}', '{"x":["a"]}']],
    "additional props (true)": [["{}", '{"x":1,"y":[]}'], ["[]"]],
    "additional props (implicit)": [["{}", '{"x":1}'], ["1"]],
    "empty w/o additional props": [["{}"], ['{"a":1}']],
    "required + additional props": [['{"a":1}', '{"a":1,"b":"x"}'], ['{"b":"x"}', '{"a":1,"b":2}']],
    "optional + additional props": [["{}", '{"a":1}', '{"b":1}', '{"aa":1}'], ['{"b":""}']],
    "required + optional + additional props": [
      ['{"and":1}', '{"and":1,"also":2,"an":3,"andy":4}'],
      ['{"also":1}', '{"and":1,"x":""}'],
    ],
    "optional props with empty name": [['{"":1,"a":2,"b":3}', "{}"], ['{"":"x"}']],
    "optional props with nested names": [['{"a":1,"aa":2,"aaa":3}'], ['{"aaa":""}']],
    "optional props with common prefix": [['{"ab":1,"ac":2,"a":3,"ad":4}'], ['{"a":""}']],
    "top-level $ref": [['{"a":""}'], ["{}", '{"a":1}']],
    "anyOf": [["{}", '{"a":1}', '{"b":2}'], ['{"a":""}', "1"]],
    "anyOf $ref": [['{"a":"x","b":"y"}', '{"a":1,"b":true}', "{}"], ['{"b":1}', '{"a":true}']],
    "mix of allOf, anyOf and $ref (similar to https://json.schemastore.org/tsconfig.json)": [
      ["{}", '{"a":1,"b":2,"d":3}', '{"a":1,"c":2}'],
      ['{"a":""}', '{"c":"x"}'],
    ],
    "allOf with enum schema": [['"a"', '"b"'], ['"c"', "1"]],
    "allOf with multiple enum schemas": [['"b"', '"c"'], ['"a"', '"d"']],
    "conflicting names": [['{"number":{"number":{"root":1}}}'], ["{}", '{"number":{"number":{}}}']],
    "description only (no type) treated as unconstrained": [["1", "{}", '"x"'], ["x"]],
    "literal string with escapes": [[String.raw`{"code":" \r \n \" \\ "}`], ['{"code":""}', "{}"]],
  };

/** Reads the cases of the test program: a status, a name and a schema in a raw or plain literal. */
function casesOf(program: string): readonly Case[] {
  const pattern =
    /test\(\{\s*(SUCCESS|FAILURE),\s*"((?:[^"\\]|\\.)*)",\s*(?:R"""\(([^]*?)\)"""|"((?:[^"\\]|\\.)*)"),/g;
  return [...program.matchAll(pattern)].map(([, status, name, raw, plain]) => ({
    name: JSON.parse(`"${name}"`) as string,
    isTaken: status === "SUCCESS",
    schema: JSON.parse(raw ?? JSON.parse(`"${plain}"`) as string) as Record<string, unknown>,
  }));
}

const source = await llamaSource();
const file = "folder" in source
  ? join(source.folder, "tests", "test-json-schema-to-grammar.cpp")
  : undefined;

Deno.test({
  name:
    "every schema that llama.cpp takes becomes a grammar that takes what fits and nothing else" +
    ("why" in source ? ` (${source.why})` : ""),
  ignore: file === undefined,
  fn: async (test) => {
    const cases = casesOf(await Deno.readTextFile(file!));
    assert.ok(cases.length >= 70, `only ${cases.length} schemas were found`);
    const llama = await getLlama({
      gpu: false,
      build: "never",
      progressLogs: false,
      maxThreads: 1,
    });
    for (const { name, isTaken, schema } of cases) {
      await test.step(name, async () => {
        const request = { json_schema: schema, json_schema_strict: true };
        if (!isTaken) {
          await assert.rejects(requestGrammar(request), { code: "INVALID_REQUEST" });
          return;
        }
        const { text, unheld } = (await requestGrammar(request))!;
        assert.deepEqual(unheld, []);
        const compiled = await llama.createGrammar({ grammar: text });
        const takes = (answer: string) =>
          (compiled as unknown as { _testText(text: string): boolean })._testText(answer);
        // A newer llama.cpp may have more schemas than are known here.
        const [yes, no] = ANSWERS[name] ?? [[], []];
        for (const answer of yes) {
          assert.ok(takes(answer), `should take ${answer}`);
          assert.deepEqual(checkAnswer(schema, answer).errors, [], answer);
        }
        for (const answer of no) assert.ok(!takes(answer), `should refuse ${answer}`);
      });
    }
    await llama.dispose();
  },
});
