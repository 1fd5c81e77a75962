import { checkAnswer } from "../../../daemons/worker/grammar/check_answer.ts";
import { requestGrammar } from "../../../daemons/worker/grammar/request_grammar.ts";
import type { Schema } from "../../../daemons/worker/grammar/schema.ts";

type Named = readonly [name: string, work: () => unknown];

const list = <T>(length: number, make: (index: number) => T): T[] =>
  Array.from({ length }, (_, index) => make(index));
const object = (length: number, make: (index: number) => unknown, name = "p") =>
  Object.fromEntries(list(length, (index) => [`${name}${index}`, make(index)]));

/** Schemas about as large as can be held wholly, and larger ones. */
const SCHEMAS: readonly (readonly [name: string, schema: Schema])[] = [
  ["1 000 optional properties", { properties: object(1_000, () => ({ type: "string" })) }],
  ["2 900 properties of objects", {
    properties: object(1_400, () => ({ type: "object", required: ["a"] })),
    required: list(1_400, (index) => `p${index}`),
  }],
  ["an enum of 10 000 texts", { enum: list(10_000, (index) => `value ${index * 7919}`) }],
  ["300 definitions in a row", {
    $ref: "#/$defs/d0",
    $defs: object(300, (at) => ({
      type: "object",
      properties: { next: { $ref: `#/$defs/d${(at + 1) % 300}` }, [`v${at}`]: true },
    }), "d"),
  }],
  ["200 choices of objects", {
    oneOf: list(200, (index) => ({
      properties: { kind: { const: `kind ${index}` }, value: { type: "integer", minimum: index } },
      required: ["kind", "value"],
    })),
  }],
  ["50 patterns with lengths", {
    properties: object(50, (index) => ({
      type: "string",
      pattern: `^[a-z]{1,${index + 1}}(-[0-9]+)*$`,
      maxLength: 40,
    })),
  }],
  ["lists of up to 1 900", {
    items: { type: "integer", minimum: -12345, maximum: 98765 },
    minItems: 5,
    maxItems: 1_900,
  }],
  ["all formats and multiples", {
    properties: object(60, (index) => index % 2 ? { format: "uri" } : { multipleOf: 0.01 * index }),
  }],
  ["8 MB of schema", {
    properties: object(
      60_000,
      (index) => ({ type: "string", description: "x".repeat(90), title: `${index}` }),
    ),
  }],
];

/** Makes the grammars of the largest schemas. */
export function grammarWorks(): readonly Named[] {
  return [
    ...SCHEMAS.map(([name, json_schema]): Named => [
      name,
      () => requestGrammar({ json_schema }).catch(() => {}),
    ]),
    ["a call of one of 1 024 functions", () =>
      requestGrammar({
        tool_choice: "required",
        tools: list(1_024, (index) => ({
          type: "function",
          function: { name: `f${index}`, parameters: { properties: { a: {}, b: { minimum: 1 } } } },
        })),
      }).catch(() => {})],
  ];
}

/** Checks of answers that take as much as they may. */
export function checkWorks(): readonly Named[] {
  const json = JSON.stringify;
  const checks: readonly (readonly [name: string, schema: Schema, answer: string])[] = [
    ["50 000 different items", { uniqueItems: true }, json(list(50_000, (index) => ({ index })))],
    [
      "20 000 items of 100 choices",
      { items: { anyOf: list(100, (index) => ({ const: -index })) } },
      json(list(20_000, (index) => index)),
    ],
    [
      "100 000 numbers",
      { items: { minimum: 3, multipleOf: 0.1 } },
      json(list(100_000, (index) => index / 10 + 3)),
    ],
    [
      "a text of 250 000 characters and a pattern",
      { pattern: "^(a|a)*(a|a)*b$" },
      json("a".repeat(250_000)),
    ],
    ["30 000 properties and patterns", {
      patternProperties: { "^p[0-9]+$": { type: "string" }, "7$": { maxLength: 3 } },
      propertyNames: { maxLength: 8 },
    }, json(object(30_000, () => "abc"))],
    ["an answer of 4 MB", { contains: { const: 1 } }, json(list(400_000, (index) => index * 1.5))],
    [
      "nested 400 deep",
      { items: { $ref: "#" }, uniqueItems: true },
      "[".repeat(400) + "1" + "]".repeat(400),
    ],
  ];
  return checks.map(([name, schema, answer]): Named => [name, () => checkAnswer(schema, answer)]);
}
