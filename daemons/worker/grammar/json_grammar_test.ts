import assert from "node:assert/strict";
import { getLlama, type Llama } from "node-llama-cpp";
import { LlorchError } from "#shared/errors.ts";
import { jsonGrammar } from "./json_grammar.ts";

/** Returns a function that asks llama.cpp whether the grammar accepts a text. */
function tester(llama: Llama, schema: Record<string, unknown>, isStrict?: boolean) {
  const grammar = jsonGrammar(schema, "json_schema", isStrict);
  const compiled = llama.createGrammar({ grammar });
  return async (text: string) =>
    (await compiled as unknown as { _testText(text: string): boolean })._testText(text);
}

interface Case {
  readonly what: string;
  readonly schema: Record<string, unknown>;
  readonly isStrict?: boolean;
  readonly yes: readonly string[];
  readonly no: readonly string[];
}

const string = { type: "string" };
const cases: readonly Case[] = [
  {
    what: "objects with required and optional properties in order",
    schema: {
      properties: { a: string, b: { type: "integer" }, c: { type: "null" } },
      required: ["b"],
    },
    yes: ['{"b":1}', '{"a": "x", "b":-12}', '{"a":"","b":0,"c":null}', '{\n  "b": 1\n}'],
    no: ["{}", '{"a":"x"}', '{"b":1,}', '{,"b":1}', '{"b":1.5}', '{"b":1,"a":""}', '{"b":1,"d":2}'],
  },
  {
    what: "objects whose properties are all optional",
    schema: { type: "object", properties: { a: { const: 1 }, b: { const: 2 } } },
    yes: ["{}", '{"a":1}', '{"b":2}', '{"a":1,"b":2}', "{ }"],
    no: ['{"a":1"b":2}', '{"a":2}', "[]"],
  },
  {
    what: "objects with additional properties",
    schema: { properties: { a: string }, additionalProperties: { type: "boolean" } },
    yes: ["{}", '{"a":"x"}', '{"a":"x","z":true}', '{"z":false,"y":true}'],
    no: ['{"z":1}'],
  },
  {
    what: "any object, and any value",
    schema: { type: "object" },
    yes: ["{}", '{"a":[1,{"b":null}],"c":-1.5e-3}'],
    no: ["1", '{"a":}', '{"a":01}'],
  },
  { what: "true and {} as anything", schema: {}, yes: ["1", '"a"', "[{}]", "null"], no: ["x"] },
  {
    what: "the range of exact integers, which some libraries write as bounds",
    schema: {
      type: "integer",
      minimum: Number.MIN_SAFE_INTEGER,
      maximum: Number.MAX_SAFE_INTEGER,
    },
    yes: ["0", "-7", "999999999999999"],
    no: ["9999999999999999", "01", "1.5"],
  },
  {
    what: "integers between bounds",
    schema: {
      anyOf: [{ type: "integer", minimum: -12, maximum: 345 }, {
        type: ["integer", "null"],
        exclusiveMinimum: 999,
        exclusiveMaximum: 1001.5,
      }],
    },
    yes: ["-12", "-9", "0", "99", "345", "1000", "1001", "null"],
    no: ["-13", "-0", "346", "999", "1002", "1.5", "007"],
  },
  {
    what: "integers with one bound",
    schema: { type: "integer", exclusiveMinimum: 0 },
    yes: ["1", "10", "999999999999999"],
    no: ["0", "-1", "01"],
  },
  {
    what: "the greatest lengths that llama.cpp accepts",
    schema: { items: { type: "string", minLength: 1999, maxLength: 1999 }, maxItems: 1999 },
    yes: ["[]", `["${"x".repeat(1999)}"]`],
    no: ['["x"]', `["${"x".repeat(2000)}"]`],
  },
  {
    what: "the part of a non-strict schema that a grammar can express",
    isStrict: false,
    schema: {
      type: "object",
      properties: {
        mail: { type: "string", format: "email", pattern: "@", minLength: 2 },
        share: { type: "number", minimum: 0, multipleOf: 0.5 },
        more: { type: "object", propertyNames: { pattern: "x" }, minProperties: 1 },
        one: { enum: [1, 2], minimum: 2 },
        all: { type: "boolean", allOf: [{ const: true }] },
        long: { type: "string", maxLength: 5000 },
        far: { type: "integer", minimum: 1e16 },
      },
      required: ["mail", "none"],
      if: {},
    },
    yes: ['{"mail":"no"}', '{"mail":"ok","share":-0.3,"more":{},"one":1,"all":false,"far":1}'],
    no: ['{"mail":"x"}', "{}", '{"mail":"ok","share":"x"}', '{"mail":"ok","one":3}'],
  },
  {
    what: "arrays with bounds",
    schema: { type: "array", items: { type: "integer" }, minItems: 1, maxItems: 3 },
    yes: ["[1]", "[1, 2,3]"],
    no: ["[]", "[1,2,3,4]", '["a"]'],
  },
  {
    what: "arrays that may be empty",
    schema: { items: string, maxItems: 1 },
    yes: ["[]", '["a"]'],
    no: ['["a","b"]'],
  },
  {
    what: "strings with lengths, escapes and formats",
    schema: { anyOf: [{ type: "string", minLength: 1, maxLength: 2 }, { format: "date" }] },
    yes: ['"a"', '"\\n\\u00e9"', '"é🦊"', '"2024-02-30"'],
    no: ['""', '"abc"', '"2024-13-01"', '"\n"'],
  },
  {
    what: "enums and constants of any value",
    schema: { enum: ['a"b', 1, null, { x: [1] }] },
    yes: ['"a\\"b"', "1", "null", '{"x":[1]}'],
    no: ["2", '"a"'],
  },
  {
    what: "lists of types",
    schema: { type: ["integer", "null", "boolean"] },
    yes: ["7", "null", "true"],
    no: ["1.5", "1e5", '"7"'],
  },
  {
    what: "schemas that contain themselves",
    schema: {
      $ref: "#/$defs/tree",
      $defs: { tree: { properties: { kids: { items: { $ref: "#/$defs/tree" } } } } },
    },
    yes: ["{}", '{"kids":[{},{"kids":[]}]}'],
    no: ['{"kids":[1]}'],
  },
];

Deno.test("jsonGrammar() accepts what the schema allows and nothing else", async (test) => {
  const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, maxThreads: 1 });
  for (const { what, schema, isStrict, yes, no } of cases) {
    await test.step(what, async () => {
      const takes = tester(llama, schema, isStrict);
      for (const text of yes) assert.equal(await takes(text), true, `should accept ${text}`);
      for (const text of no) assert.equal(await takes(text), false, `should refuse ${text}`);
    });
  }
  await llama.dispose();
});

Deno.test("jsonGrammar() names everything that a grammar cannot express, and refuses it", () => {
  const schema = {
    type: "object",
    properties: {
      a: { type: "string", pattern: "^x" },
      b: { type: "number", minimum: 3 },
      g: { enum: [1, 2], maximum: 1 },
      h: { type: "integer", minimum: 3, maximum: 2 },
      i: { type: "integer", exclusiveMinimum: true },
      j: { exclusiveMaximum: 3 },
      k: { type: "array", maxItems: 2000 },
      c: { $ref: "https://example.org" },
      d: { $ref: "#/$defs/none" },
      e: { type: "text" },
      f: { anyOf: [{ type: "null" }], minLength: 1 },
    },
    required: ["z"],
    if: {},
  };
  assert.throws(() => jsonGrammar(schema, "json_schema"), (error: unknown) => {
    assert.ok(error instanceof LlorchError && error.code === "INVALID_REQUEST");
    const fields = (error.details?.["errors"] as { field: string }[]).map(({ field }) => field);
    assert.deepEqual(fields.sort(), [
      "json_schema.if",
      "json_schema.properties.a.pattern",
      "json_schema.properties.b.minimum",
      "json_schema.properties.c.$ref",
      "json_schema.properties.d.$ref",
      "json_schema.properties.e.type",
      "json_schema.properties.f.minLength",
      "json_schema.properties.g.maximum",
      "json_schema.properties.h.minimum",
      "json_schema.properties.i.exclusiveMinimum",
      "json_schema.properties.j.exclusiveMaximum",
      "json_schema.properties.k.maxItems",
      "json_schema.required",
    ]);
    return true;
  });
});

Deno.test("jsonGrammar() refuses an invalid schema, strict or not", () => {
  for (const schema of [{ type: "text" }, { minItems: -1 }, { $ref: "#/none" }, { items: 3 }]) {
    assert.throws(() => jsonGrammar(schema, "json_schema", false), { code: "INVALID_REQUEST" });
  }
});

Deno.test("jsonGrammar() refuses a schema that is nested too deep", () => {
  let schema: Record<string, unknown> = { type: "string" };
  for (let depth = 0; depth < 100; depth++) schema = { items: schema };
  assert.throws(() => jsonGrammar(schema, "json_schema"), /nested deeper than 64/);
});
