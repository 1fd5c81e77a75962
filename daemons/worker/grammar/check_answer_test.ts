import assert from "node:assert/strict";
import { parseExactJson } from "#shared/exact_json.ts";
import { checkAnswer } from "./check_answer.ts";
import type { Schema } from "./schema.ts";

interface Case {
  readonly what: string;
  readonly schema: Record<string, unknown>;
  readonly yes: readonly string[];
  readonly no: readonly string[];
}

const cases: readonly Case[] = [
  {
    what: "types, also of integers of any size",
    schema: { items: { type: ["integer", "null"] } },
    yes: ["[1, null, 9007199254740993]", "[1.0]"],
    no: ["[1.5]", '["1"]'],
  },
  {
    what: "constants, as far as the schema's digits are known",
    schema: { enum: [{ a: [1, 2] }, 12, Number("52430729313584410")] },
    yes: ['{"a":[1,2.0]}', "12", "52430729313584410"],
    no: ['{"a":[2,1]}', "13", '{"a":[1,2],"b":1}'],
  },
  {
    what: "bounds of every draft",
    schema: {
      items: { minimum: 1, exclusiveMinimum: true, exclusiveMaximum: 9007199254740992 },
    },
    yes: ["[2, 9007199254740991]"],
    no: ["[1]", "[9007199254740992]", "[9007199254740993]"],
  },
  {
    what: "multiples in decimal digits",
    schema: { items: { multipleOf: 0.1 } },
    yes: ["[0.3, 1.1, -7, 1e21, 9007199254740993]"],
    no: ["[0.35]"],
  },
  {
    what: "lengths in characters, and patterns",
    schema: { minLength: 2, maxLength: 2, pattern: "^[^a]" },
    yes: ['"🦊b"'],
    no: ['"🦊"', '"ab"', '"bcd"'],
  },
  { what: "formats", schema: { format: "ipv4" }, yes: ['"1.2.3.4"', "1"], no: ['"1.2.3"'] },
  {
    what: "items of every draft",
    schema: {
      allOf: [
        { prefixItems: [{ type: "string" }], items: { type: "integer" } },
        { items: [{}, {}], additionalItems: false },
        { uniqueItems: true, contains: { const: 1 }, maxContains: 1 },
      ],
    },
    yes: ['["a", 1]'],
    no: ['["a"]', "[1, 1]", '["a", 1, 2]', '["a", 2]'],
  },
  {
    what: "items that are the same, however they are written",
    schema: { uniqueItems: true },
    yes: ['[1, "1", [1], {"a":1}, {"a":2}, 9007199254740993, 9007199254740992]'],
    no: ["[1, 1.0]", '[{"a":1,"b":2}, {"b":2,"a":1}]'],
  },
  {
    what: "properties, by name, pattern and number",
    schema: {
      properties: { a: { type: "integer" } },
      patternProperties: { "^n": { type: "null" } },
      additionalProperties: { type: "string" },
      propertyNames: { maxLength: 2 },
      required: ["a"],
      minProperties: 2,
      maxProperties: 3,
    },
    yes: ['{"a":1,"n":null}', '{"a":1,"x":"","y":""}'],
    no: ['{"a":1}', '{"n":null,"x":""}', '{"a":1,"n":1}', '{"a":1,"x":1}', '{"a":1,"long":""}'],
  },
  {
    what: "choices and conditions",
    schema: {
      oneOf: [{ minimum: 3 }, { maximum: 5 }],
      not: { const: 7 },
      if: { minimum: 6 },
      then: { multipleOf: 2 },
      else: { anyOf: [{ const: 1 }, { const: 2 }] },
    },
    yes: ["8", "1"],
    no: ["4", "7", "9", "0"],
  },
  {
    what: "dependencies of every draft",
    schema: {
      dependentRequired: { a: ["b"] },
      dependentSchemas: { b: { maxProperties: 2 } },
      dependencies: { c: ["a"], d: { required: ["e"] } },
    },
    yes: ["{}", '{"a":1,"b":1}', '{"d":1,"e":1}'],
    no: ['{"a":1}', '{"b":1,"x":1,"y":1}', '{"c":1}', '{"d":1}'],
  },
  {
    what: "references, also into itself",
    schema: {
      $ref: "#/$defs/tree",
      $defs: { tree: { type: "object", additionalProperties: { $ref: "#/$defs/tree" } } },
    },
    yes: ["{}", '{"a":{"b":{}}}'],
    no: ['{"a":{"b":1}}'],
  },
  {
    what: "what no other schema has looked at",
    schema: {
      allOf: [{ properties: { a: true } }],
      anyOf: [{ properties: { b: { const: 1 } }, required: ["b"] }, true],
      unevaluatedProperties: false,
      prefixItems: [true],
      unevaluatedItems: { type: "string" },
    },
    yes: ['{"a":1,"b":1}', '[1, "a"]'],
    no: ['{"c":1}', '{"b":2}', "[1, 1]"],
  },
];

for (const { what, schema, yes, no } of cases) {
  Deno.test(`checkAnswer() checks ${what}`, () => {
    for (const text of yes) {
      assert.deepEqual(checkAnswer(schema, text), { valid: true, errors: [], unchecked: [] }, text);
    }
    for (const text of no) assert.equal(checkAnswer(schema, text).valid, false, text);
  });
}

Deno.test("checkAnswer() says what is wrong and where", () => {
  const schema = {
    properties: { "a/b": { items: { minimum: 3 } }, c: { pattern: "^x" } },
    required: ["d"],
  };
  assert.deepEqual(checkAnswer(schema, '{"a/b":[3,2],"c":"y"}').errors.toSorted(), [
    "/: d is missing",
    "/a~1b/1: must be at least 3",
    "/c: does not match ^x",
  ]);
  assert.deepEqual(checkAnswer({}, "{").errors, ["/: is not JSON"]);
  assert.deepEqual(checkAnswer({}, "").errors, ["/: is not JSON"]);
});

Deno.test("checkAnswer() names patterns that it cannot match", () => {
  const { valid, unchecked } = checkAnswer({ items: { pattern: "^(a)\\1$" } }, '["b"]');
  assert.equal(valid, true);
  assert.deepEqual(unchecked, ["pattern ^(a)\\1$: \\1"]);
});

Deno.test("checkAnswer() gives up what would take too long", () => {
  const many = JSON.stringify(Array.from({ length: 3_000 }, (_, at) => at));
  const choices = Array.from({ length: 300 }, (_, at) => ({ const: -at - 1 }));
  const long = checkAnswer({ items: { anyOf: choices } }, many);
  assert.deepEqual([long.valid, long.errors], [false, []]);
  assert.match(long.unchecked[0]!, /too large/);
  const slow = checkAnswer({ pattern: "^(a|a)*(a|a)*b$" }, JSON.stringify("a".repeat(100_000)));
  assert.match(slow.unchecked[0]!, /too large/);
  const endless = checkAnswer({ allOf: [{ $ref: "#" }] }, "1");
  assert.match(endless.unchecked[0]!, /too large/);
  const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
  assert.equal(checkAnswer({ items: { $ref: "#" } }, deep).valid, false);
  let nested: Schema = { minimum: 1 };
  for (let level = 0; level < 100_000; level++) nested = { not: nested };
  assert.match(checkAnswer(nested, "1").unchecked[0]!, /schema is nested too deep/);
});

Deno.test("checkAnswer() compares with a schema's own digits", () => {
  const schema = parseExactJson(
    '{"properties":{"id":{"enum":[12345678901234567890,7.0]},"n":{"minimum":9007199254740993}}}',
  ) as Schema;
  for (const text of ['{"id":12345678901234567890}', '{"id":7}', '{"n":9007199254740993}']) {
    assert.deepEqual(checkAnswer(schema, text).errors, [], text);
  }
  for (const text of ['{"id":12345678901234567891}', '{"id":8}', '{"n":9007199254740992}']) {
    assert.equal(checkAnswer(schema, text).valid, false, text);
  }
});
