import assert from "node:assert/strict";
import { getLlama, type Llama } from "node-llama-cpp";
import { LlorchError } from "#shared/errors.ts";
import { parseExactJson } from "#shared/exact_json.ts";
import { checkGrammar } from "./check_grammar.ts";
import { DETAILS } from "./detail.ts";
import { jsonGrammar } from "./json_grammar.ts";

/** Asks llama.cpp itself which texts a grammar takes. */
function tester(llama: Llama, grammar: string) {
  const compiled = llama.createGrammar({ grammar });
  return async (text: string) =>
    (await compiled as unknown as { _testText(text: string): boolean })._testText(text);
}

interface Case {
  readonly what: string;
  readonly schema: Record<string, unknown>;
  /** Places of keywords that the grammar does not hold; by default none. */
  readonly unheld?: readonly string[];
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
    yes: ["0", "-7", "9007199254740991", "-9007199254740991"],
    no: ["9007199254740992", "01", "1.5"],
  },
  {
    what: "numbers in the digits of the request",
    schema: parseExactJson(
      '{"prefixItems":[{"enum":[12345678901234567891,1.0]},' +
        '{"type":"integer","minimum":9007199254740993,"maximum":9007199254740995}]}',
    ) as Record<string, unknown>,
    yes: ["[12345678901234567891, 9007199254740993]", "[1, 9007199254740995]"],
    no: ["[12345678901234567890, 9007199254740993]", "[1, 9007199254740992]"],
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
    yes: ["1", "10", "9223372036854775807"],
    no: ["0", "-1", "01", "9223372036854775808"],
  },
  {
    what: "the greatest lengths that llama.cpp accepts",
    schema: { items: { type: "string", minLength: 1999, maxLength: 1999 }, maxItems: 1999 },
    yes: ["[]", `["${"x".repeat(1999)}"]`],
    no: ['["x"]', `["${"x".repeat(2000)}"]`],
  },
  {
    what: "what a grammar can hold of a schema, and says what it cannot",
    schema: {
      type: "object",
      properties: {
        mail: { type: "string", format: "color", minLength: 2 },
        list: { items: { type: "integer" }, uniqueItems: true },
        long: { type: "string", maxLength: 5000 },
        far: { type: "integer", minimum: 1e20 },
        odd: { type: "string", pattern: "^(a)\\1$" },
      },
      required: ["mail"],
      contains: {},
    },
    unheld: ["list.uniqueItems", "long.maxLength", "far.minimum", "odd.pattern"].map((place) =>
      `json_schema.properties.${place}`
    ),
    yes: ['{"mail":"no","list":[1,1]}', '{"mail":"ok","far":1,"odd":"b"}'],
    no: ['{"mail":"x"}', "{}", '{"mail":"ok","list":["x"]}'],
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
  {
    what: "patterns, wherever they are anchored",
    schema: {
      type: "array",
      prefixItems: ["^a[^b]c$", "b|^x", "^(?:ab?){1,2}$"].map((pattern) => ({ pattern })),
    },
    yes: [
      String.raw`["aac","abba","aba"]`,
      String.raw`["a\nc","xa","aab"]`,
      String.raw`["a\"c","b","a"]`,
      String.raw`["aéc","x","ab"]`,
    ],
    no: ['["abc","b","a"]', '["aac","ax","a"]', '["aac","b","aaa"]', '["aac","b",""]'],
  },
  {
    what: "patterns with lookaheads at the beginning, as passwords have them",
    schema: { type: "string", pattern: "^(?=.*[A-Z])(?!.*x).{3,}$" },
    yes: ['"abC"', '"Aaaaa"'],
    no: ['"abc"', '"Ab"', '"Abcx"'],
  },
  {
    what: "a pattern, a format and lengths together",
    schema: { type: "string", pattern: "^[a-z.@]+$", format: "email", minLength: 5, maxLength: 7 },
    yes: ['"a@b.c"', '"ab@cd.e"'],
    no: ['"a@b"', '"A@b.c"', '"abc@de.f"', '"abcde"'],
  },
  {
    what: "patterns of escaped characters, however they are escaped",
    schema: { type: "string", pattern: '^[\\n"/\u{1f98a}]$' },
    yes: [
      String.raw`"\n"`,
      String.raw`"\u000a"`,
      String.raw`"\u000A"`,
      String.raw`"\""`,
      '"/"',
      String.raw`"\/"`,
      '"🦊"',
    ],
    no: [String.raw`"\t"`, '"\n"', '"n"', '""', String.raw`"\\"`],
  },
  {
    what: "formats",
    schema: {
      items: {
        anyOf: ["email", "ipv4", "ipv6", "hostname", "date-time", "uuid"].map((format) => ({
          format,
        })),
      },
    },
    yes: [
      '["a.b@example.org","127.0.0.1","::1","2001:db8::ff00:42:8329","example.org"]',
      '["2024-02-29T12:00:00Z","2024-02-29T12:00:00.123456+01:00"]',
      '["123e4567-e89b-12d3-a456-426614174000"]',
    ],
    no: ['["a@"]', '["1::2::3"]', '["2024-02-29 12:00"]', '["-a.b"]', '["a..b"]'],
  },
  {
    what: "uris",
    schema: { type: "string", format: "uri" },
    yes: ['"https://example.org/a?b=c#d"', '"urn:isbn:1"'],
    no: ['"example.org"', '"https://a b"'],
  },
  {
    what: "allOf as one schema, with what stands beside it",
    schema: {
      allOf: [{ $ref: "#/$defs/a" }, { properties: { b: { minimum: 3 } } }],
      properties: { b: { type: "integer" } },
      required: ["b"],
      $defs: { a: { properties: { a: string }, required: ["a"] } },
    },
    yes: ['{"b":3,"a":""}'],
    no: ['{"b":3}', '{"b":2,"a":""}', '{"b":3,"a":1}', '{"b":3,"a":"","c":1}'],
  },
  {
    what: "$ref with siblings, to anchors and into lists",
    schema: {
      type: "object",
      properties: {
        a: { anyOf: [{ type: "string" }, { type: "null" }] },
        b: { $ref: "#/properties/a/anyOf/0", maxLength: 1, description: "short" },
        c: { $ref: "#kind" },
        d: { $ref: "#/$defs/a~1b%25" },
      },
      $defs: { kind: { $anchor: "kind", enum: ["x"] }, "a/b%": { const: 1 } },
    },
    yes: ['{"a":null,"b":"x","c":"x","d":1}'],
    no: ['{"b":"xx"}', '{"c":"y"}', '{"d":2}'],
  },
  {
    what: "anyOf beside other keywords",
    schema: {
      type: "object",
      properties: { a: string, b: string },
      anyOf: [{ required: ["a"] }, { required: ["b"] }],
    },
    yes: ['{"a":""}', '{"b":""}', '{"a":"","b":""}'],
    no: ["{}", '{"c":1}'],
  },
  {
    what: "oneOf of choices that a constant tells apart",
    schema: {
      oneOf: ["a", "b"].map((kind) => ({
        type: "object",
        properties: { kind: { const: kind }, [kind]: { type: "integer" } },
        required: ["kind", kind],
      })),
    },
    yes: ['{"kind":"a","a":1}', '{"kind":"b","b":1}'],
    no: ['{"kind":"a","b":1}', '{"kind":"c"}'],
  },
  {
    what: "oneOf of choices that are not told apart, as anyOf",
    schema: { oneOf: [{ type: "integer", minimum: 1 }, { type: "number" }] },
    unheld: ["json_schema.oneOf"],
    yes: ["1", "0.5"],
    no: ['"a"'],
  },
  {
    what: "tuples, whole unless they say how long they are",
    schema: {
      anyOf: [
        { prefixItems: [string, { type: "integer" }] },
        {
          items: [{ type: "null" }],
          additionalItems: { type: "boolean" },
          minItems: 0,
          maxItems: 3,
        },
      ],
    },
    yes: ['["a",1]', "[]", "[null]", "[null,true,false]"],
    no: ['["a"]', '["a",1,2]', "[1]", "[null,1]", "[null,true,true,true]"],
  },
  {
    what: "names that are not declared, by pattern and by what they must be",
    schema: {
      type: "object",
      properties: { and: string, also: string },
      patternProperties: { "^n_": { type: "integer" }, "_b$": { maximum: 9, type: "number" } },
      additionalProperties: { type: "boolean" },
      propertyNames: { pattern: "^[a-z_]*$" },
    },
    yes: ['{"and":"","an":true,"andy":false}', '{"n_a":12,"x_b":0.5,"n_b":7,"":true}'],
    no: ['{"and":true}', '{"an":1}', '{"n_a":0.5}', '{"n_b":12}', '{"A":true}'],
  },
  {
    what: "counts of properties",
    schema: {
      type: "object",
      properties: { a: {}, b: {}, c: {} },
      required: ["b"],
      minProperties: 2,
      maxProperties: 3,
      additionalProperties: { const: 0 },
    },
    yes: ['{"a":1,"b":1}', '{"b":1,"x":0}', '{"b":1,"x":0,"y":0}', '{"a":1,"b":1,"c":1}'],
    no: ['{"b":1}', '{"a":1,"c":1}', '{"a":1,"b":1,"c":1,"x":0}', '{"b":1,"x":0,"y":0,"z":0}'],
  },
  {
    what: "numbers between bounds",
    schema: { type: "number", minimum: -1.5, exclusiveMaximum: 12.25 },
    yes: ["-1.5", "-1.49", "0", "0.000001", "12.2499", "12", "9.75"],
    no: ["-1.51", "-2", "12.25", "12.3", "13", "1e5", "-0"],
  },
  {
    what: "numbers with one bound",
    schema: { items: [{ type: "number", minimum: 0 }, { exclusiveMaximum: 0 }] },
    yes: ["[0,-0.1]", "[1e-7,-100]", "[12.5,-12.5]"],
    no: ["[-1,-1]", "[0,0]", "[0,-0]"],
  },
  {
    what: "multiples",
    schema: {
      items: [{ type: "integer", multipleOf: 7 }, { type: "number", multipleOf: 0.25, minimum: 1 }],
    },
    yes: ["[0,1]", "[-14,1.25]", "[7777777,3.50]"],
    no: ["[8,1]", "[7,1.3]", "[7,0.75]"],
  },
  {
    what: "not",
    schema: {
      items: [
        { not: { type: ["string", "object"] } },
        { type: "string", not: { enum: ["a", "b"] } },
        { type: "string", not: { pattern: "x" } },
        { type: "integer", minimum: 0, maximum: 9, not: { const: 5 } },
        { type: "object", properties: { a: {}, b: {} }, not: { required: ["a"] } },
        { not: { anyOf: [{ type: "string" }, { type: "array" }] } },
      ],
    },
    yes: ['[1,"c","y",4,{"b":1},1]', '[null,"","",6,{},{}]', '[[],"ab","",0,{},null]'],
    no: [
      '["x","c","y",4,{},1]',
      '[1,"a","y",4,{},1]',
      '[1,"c","axa",4,{},1]',
      '[1,"c","",5,{},1]',
      '[1,"","",4,{"a":1},1]',
      '[1,"","",4,{},""]',
    ],
  },
  {
    what: "conditions",
    schema: {
      type: "object",
      properties: { kind: { enum: ["a", "b", "c"] }, x: {}, y: {} },
      required: ["kind"],
      if: { properties: { kind: { const: "a" } } },
      then: { required: ["x"] },
      else: { properties: { x: false } },
      dependentRequired: { x: ["y"] },
    },
    yes: ['{"kind":"a","x":1,"y":2}', '{"kind":"b","y":1}', '{"kind":"c"}'],
    no: ['{"kind":"a"}', '{"kind":"a","x":1}', '{"kind":"b","x":1,"y":1}'],
  },
  {
    what: "constants beside what restricts them",
    schema: { items: { enum: ["a", "bcd", 5, null], minLength: 2, nullable: true, minimum: 6 } },
    yes: ['["bcd",null]'],
    no: ['["a"]', "[5]"],
  },
  {
    what: "null beside a type",
    schema: { type: "string", nullable: true },
    yes: ["null", '""'],
    no: ["1"],
  },
  {
    what: "names that are required but not declared",
    schema: { type: "object", properties: { a: string }, required: ["z"] },
    yes: ['{"z":1}', '{"a":"","z":[]}'],
    no: ["{}", '{"a":""}'],
  },
  {
    what: "what forbids a property and what requires it, as if only the latter were there",
    schema: {
      allOf: [
        { properties: { a: string }, additionalProperties: false },
        { properties: { b: string }, required: ["b"] },
      ],
    },
    unheld: ["json_schema.allOf.0.additionalProperties"],
    yes: ['{"b":""}', '{"a":"","b":""}'],
    no: ["{}"],
  },
  {
    what: "schemas that are false, where nothing may be",
    schema: { properties: { a: false, b: {} }, items: false },
    yes: ["{}", '{"b":1}', "[]"],
    no: ['{"a":1}', "[1]"],
  },
];

Deno.test("jsonGrammar() accepts what the schema allows and nothing else", async (test) => {
  const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, maxThreads: 1 });
  for (const { what, schema, unheld = [], yes, no } of cases) {
    await test.step(what, async () => {
      const made = jsonGrammar(schema, "json_schema");
      assert.deepEqual(made.unheld, unheld);
      checkGrammar(made.grammar, "json_schema");
      const takes = tester(llama, made.grammar);
      for (const text of yes) assert.equal(await takes(text), true, `should take ${text}`);
      for (const text of no) assert.equal(await takes(text), false, `should refuse ${text}`);
    });
  }
  await llama.dispose();
});

Deno.test("jsonGrammar() refuses by name everything that cannot mean anything", () => {
  const schema = {
    type: "object",
    properties: {
      a: { type: "string", pattern: "^(x" },
      b: { type: "number", minimum: 3, maximum: 2 },
      c: { $ref: "https://example.org" },
      d: { $ref: "#/$defs/none" },
      e: { type: "text" },
      f: { enum: [] },
      g: { minLength: 3, maxLength: 2 },
      h: { type: "integer", exclusiveMinimum: 3, exclusiveMaximum: 4 },
      i: { type: "integer", exclusiveMinimum: true },
      j: { multipleOf: 0 },
      k: { type: "array", maxItems: -1 },
      l: { anyOf: [] },
      m: { allOf: [{ $ref: "#/properties/m" }] },
      n: 3,
    },
  };
  assert.throws(() => jsonGrammar(schema, "json_schema"), (error: unknown) => {
    assert.ok(error instanceof LlorchError && error.code === "INVALID_REQUEST");
    const fields = (error.details?.["errors"] as { field: string }[]).map(({ field }) => field);
    assert.deepEqual(fields.sort(), [
      "json_schema.properties.a.pattern",
      "json_schema.properties.b.minimum",
      "json_schema.properties.c.$ref",
      "json_schema.properties.d.$ref",
      "json_schema.properties.e.type",
      "json_schema.properties.f.enum",
      "json_schema.properties.g.minLength",
      "json_schema.properties.h.exclusiveMinimum",
      "json_schema.properties.i.exclusiveMinimum",
      "json_schema.properties.j.multipleOf",
      "json_schema.properties.k.maxItems",
      "json_schema.properties.l.anyOf",
      "json_schema.properties.m",
      "json_schema.properties.n",
    ]);
    return true;
  });
});

Deno.test("jsonGrammar() refuses a schema that nothing satisfies, naming the place", () => {
  for (
    const [schema, place] of [
      [{ type: "string", const: 1 }, "json_schema"],
      [{ not: {} }, "json_schema"],
      [
        { properties: { a: { allOf: [{ const: 1 }, { const: 2 }] } }, required: ["a"] },
        "json_schema.properties.a",
      ],
    ] as const
  ) {
    assert.throws(() => jsonGrammar(schema, "json_schema"), (error: unknown) => {
      assert.ok(error instanceof LlorchError);
      const errors = error.details?.["errors"] as { field: string; message: string }[];
      assert.deepEqual(errors, [{ field: place, message: "allows no value" }]);
      return true;
    });
  }
});

Deno.test("jsonGrammar() takes definitions that refer to each other in a long row", () => {
  const definition = (at: number) => ({
    type: "object",
    properties: { next: { $ref: `#/$defs/d${(at + 1) % 300}` }, [`v${at}`]: true },
  });
  const $defs = Object.fromEntries(
    Array.from({ length: 300 }, (_, at) => [`d${at}`, definition(at)]),
  );
  const { grammar, unheld } = jsonGrammar({ $ref: "#/$defs/d0", $defs }, "json_schema");
  assert.match(grammar, /v299/);
  assert.deepEqual(unheld, []);
});

Deno.test("jsonGrammar() refuses a schema that is nested too deep", () => {
  let schema: Record<string, unknown> = { type: "string" };
  for (let depth = 0; depth < 100; depth++) schema = { items: schema };
  assert.throws(() => jsonGrammar(schema, "json_schema"), /nested deeper than 64/);
  // One that is too large for a grammar is not walked through.
  for (let depth = 0; depth < 4000; depth++) schema = { items: schema };
  for (const detail of DETAILS) {
    assert.throws(
      () => jsonGrammar(schema, "json_schema", detail),
      /json_schema: has more than 196 levels/,
    );
  }
});

Deno.test("a schema has the same grammar in each worker, whatever patterns it has met before", () => {
  const properties = Object.fromEntries(
    Array.from({ length: 50 }, (_, at) => [`p${at}`, {
      ...{ type: "string", pattern: `^[a-z]{1,${at + 1}}(-[0-9]+)*$`, maxLength: 40 },
    }]),
  );
  const first = jsonGrammar({ properties }, "json_schema");
  assert.ok(first.unheld.length > 0, "not all patterns fit into the bound of work");
  for (let again = 0; again < 3; again++) {
    assert.deepEqual(jsonGrammar({ properties }, "json_schema"), first);
  }
});
