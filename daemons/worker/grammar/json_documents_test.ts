/**
 * Random schemas, each with random values that satisfy it: the grammar takes all of them, and the
 * check of the finished answer does, too.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { getLlama } from "node-llama-cpp";
import { checkAnswer } from "./check_answer.ts";
import { checkGrammar } from "./check_grammar.ts";
import { jsonGrammar } from "./json_grammar.ts";

/** A schema, and the text of a value that satisfies it. */
interface Pair {
  readonly schema: unknown;
  readonly text: string;
}

const pairOf = (schema: unknown, value: unknown): Pair => ({ schema, text: JSON.stringify(value) });
const quoted = (value: string) => JSON.stringify(value);

/** DEL is not taken as it is, as in llama.cpp. */
const anyText = fc.string({ unit: "binary", maxLength: 5 }).filter((text) =>
  !text.includes("\x7f") && text.isWellFormed()
);

const texts: fc.Arbitrary<Pair> = fc.oneof(
  anyText.map((text) => pairOf({ type: "string" }, text)),
  fc.tuple(anyText, fc.nat(3), fc.nat(3)).map(([text, less, more]) => {
    const { length } = [...text];
    return pairOf(
      { type: "string", minLength: Math.max(0, length - less), maxLength: length + more },
      text,
    );
  }),
  fc.constantFrom("^[a-c]+$", "^(ab|c)*$", "x?", "[^\\d]{2,}")
    .chain((pattern) =>
      fc.stringMatching(new RegExp(pattern), { size: "xsmall" })
        .filter((text) => text.isWellFormed() && !text.includes("\x7f"))
        .filter((text) => new RegExp(pattern, "u").test(text))
        .map((text) => pairOf({ type: "string", pattern }, text))
    ),
  fc.constantFrom(
    ["uuid", "123e4567-e89b-12d3-a456-426614174000"],
    ["email", "a.b@example.org"],
    ["date-time", "2024-02-29T00:00:00.5Z"],
    ["ipv6", "fe80::1"],
    ["color", "no format"],
  ).map(([format, text]) => pairOf({ format, type: "string" }, text)),
  fc.array(anyText, { minLength: 1, maxLength: 3 }).chain((list) =>
    anyText.filter((text) => !list.includes(text))
      .map((text) => pairOf({ type: "string", not: { enum: list } }, text))
  ),
);

const integers: fc.Arbitrary<Pair> = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((value) => ({ schema: { type: "integer" }, text: String(value) })),
  fc.tuple(fc.maxSafeInteger(), fc.nat(), fc.nat()).map(([value, below, above]) =>
    pairOf({ type: "integer", minimum: value - below, exclusiveMaximum: value + above + 1 }, value)
  ),
  fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: -1e6, max: 1e6 })).map((
    [step, times],
  ) => pairOf({ type: "integer", multipleOf: step }, step * times || 0)),
);

/** Decimals that JSON writes without exponent. */
const decimal = fc.tuple(fc.integer({ min: -1e6, max: 1e6 }), fc.constantFrom(1, 10, 100, 1e4))
  .map(([digits, places]) => digits / places || 0);
const numbers: fc.Arbitrary<Pair> = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !/\d{17}/.test(`${value}`))
    .map((value) => pairOf({ type: "number" }, value)),
  fc.tuple(decimal, decimal, decimal).map((values) => {
    const [min, value, max] = values.toSorted((one, other) => one - other);
    return pairOf({ type: "number", minimum: min, maximum: max }, value);
  }),
  fc.tuple(decimal, decimal).filter(([one, other]) => one !== other).map(([one, other]) =>
    one < other
      ? pairOf({ type: "number", exclusiveMinimum: one }, other)
      : pairOf({ type: "number", exclusiveMaximum: one }, other)
  ),
);

const constants: fc.Arbitrary<Pair> = fc.oneof(
  fc.jsonValue({ maxDepth: 1 }).map((value) => pairOf({ const: value }, value)),
  fc.array(fc.jsonValue({ maxDepth: 1 }), { minLength: 1, maxLength: 40 }).chain((list) =>
    fc.constantFrom(...list).map((value) => pairOf({ enum: list }, value))
  ),
  fc.constantFrom(null, true, false).map((value) =>
    pairOf({ type: value === null ? "null" : "boolean" }, value)
  ),
);

const name = fc.constantFrom("a", "b", "ab", "abc", 'q"', "é/~", "", "n_1");
const objectOf = (pairs: readonly (readonly [string, Pair])[]) =>
  `{${pairs.map(([name, { text }]) => `${quoted(name)}:${text}`).join(",")}}`;
const propertiesOf = (pairs: readonly (readonly [string, Pair])[]) =>
  Object.fromEntries(pairs.map(([name, { schema }]) => [name, schema]));

const { pair } = fc.letrec<{ pair: Pair; leaf: Pair; array: Pair; object: Pair; mixed: Pair }>((
  tie,
) => ({
  leaf: fc.oneof(texts, integers, numbers, constants),
  array: fc.oneof(
    fc.tuple(tie("pair"), fc.nat(3), fc.nat(2), fc.nat(2)).map(([item, count, less, more]) => ({
      schema: {
        type: "array",
        items: item.schema,
        minItems: Math.max(0, count - less),
        maxItems: count + more,
      },
      text: `[${Array.from({ length: count }, () => item.text).join()}]`,
    })),
    fc.tuple(fc.array(tie("pair"), { minLength: 1, maxLength: 3 }), fc.nat(3)).map(
      ([items, count]) => ({
        schema: {
          prefixItems: items.map(({ schema }) => schema),
          minItems: Math.min(count, items.length),
        },
        text: `[${items.slice(0, Math.min(count, items.length)).map(({ text }) => text).join()}]`,
      }),
    ),
  ),
  object: fc.tuple(
    fc.uniqueArray(fc.tuple(name, tie("pair"), fc.constantFrom("must", "there", "not there")), {
      selector: ([name]) => name,
      maxLength: 4,
    }),
    fc.option(fc.tuple(fc.constantFrom("x", "abcd", "aa"), tie("pair")), { nil: undefined }),
    fc.boolean(),
  ).map(([all, more, counts]) => {
    const there = all.filter(([, , kind]) => kind !== "not there");
    const written = [...there.map(([name, pair]) => [name, pair] as const), ...more ? [more] : []];
    return {
      schema: {
        type: "object",
        properties: propertiesOf(all.map(([name, pair]) => [name, pair])),
        required: there.filter(([, , kind]) => kind === "must").map(([name]) => name),
        additionalProperties: more ? more[1].schema : false,
        ...counts ? { minProperties: written.length, maxProperties: written.length } : {},
      },
      text: objectOf(written),
    };
  }),
  mixed: fc.oneof(
    fc.tuple(tie("pair"), tie("pair"), fc.boolean()).map(([one, other, isFirst]) => ({
      schema: { anyOf: isFirst ? [one.schema, other.schema] : [other.schema, one.schema] },
      text: one.text,
    })),
    fc.tuple(tie("pair"), tie("pair")).map(([one, other]) => ({
      schema: {
        allOf: [
          { type: "object", properties: { a: one.schema }, required: ["a"] },
          { properties: { z: other.schema } },
        ],
      },
      text: objectOf([["a", one], ["z", other]]),
    })),
    fc.tuple(tie("leaf"), tie("leaf"), fc.boolean()).map(([one, other, isFirst]) => ({
      schema: {
        type: "object",
        properties: { kind: { enum: [1, 2] }, a: one.schema, b: other.schema },
        required: ["kind"],
        if: { properties: { kind: { const: 1 } } },
        then: { required: ["a"] },
        else: { required: ["b"] },
      },
      text: isFirst ? `{"kind":1,"a":${one.text}}` : `{"kind":2,"b":${other.text}}`,
    })),
  ),
  pair: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    tie("leaf"),
    tie("array"),
    tie("object"),
    tie("mixed"),
  ),
}));

Deno.test("the grammar of a schema takes every value that satisfies it, and so does the check", async () => {
  const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, maxThreads: 1 });
  const property = fc.asyncProperty(pair, fc.boolean(), async ({ schema, text }, isReferred) => {
    const whole = isReferred ? { $ref: "#/$defs/it", $defs: { it: schema } } : { allOf: [schema] };
    const { grammar } = jsonGrammar(whole, "json_schema");
    checkGrammar(grammar, "json_schema");
    const compiled = await llama.createGrammar({ grammar });
    const takes = (compiled as unknown as { _testText(text: string): boolean })._testText(text);
    assert.ok(takes, `${JSON.stringify(schema)} should take ${text}`);
    assert.deepEqual(checkAnswer(whole, text).errors, [], text);
  });
  await fc.assert(property, { numRuns: 150 });
  await llama.dispose();
});
