import { checkAnswer } from "../../../daemons/worker/grammar/check_answer.ts";
import { requestGrammar } from "../../../daemons/worker/grammar/request_grammar.ts";
import { ROUNDS } from "./pause.ts";
import type { Schema } from "../../../daemons/worker/grammar/schema.ts";

type Named = readonly [name: string, work: (round: number) => unknown];

const list = <T>(length: number, make: (index: number) => T): T[] =>
  Array.from({ length }, (_, index) => make(index));
const object = (length: number, make: (index: number) => unknown, name = "p") =>
  Object.fromEntries(list(length, (index) => [`${name}${index}`, make(index)]));

/**
 * Schemas about as large as a grammar can hold wholly, and larger ones. Names have the number of the
 * round in them, since a grammar that was checked before is not checked again.
 */
const SCHEMAS: Readonly<Record<string, (round: number) => Schema>> = {
  "1 000 optional properties": (round) => ({
    properties: object(1_000, () => ({ type: "string" }), `p${round}_`),
  }),
  "900 properties with bounds": (round) => ({
    properties: object(900, (at) => ({ type: "integer", minimum: at }), `p${round}_`),
    required: list(900, (at) => `p${round}_${at}`),
  }),
  "an enum of 8 000 texts": (round) => ({ enum: list(8_000, (at) => `${round} ${at * 7919}`) }),
  "300 definitions in a row": (round) => ({
    $ref: "#/$defs/d0",
    $defs: object(300, (at) => ({
      type: "object",
      properties: { next: { $ref: `#/$defs/d${(at + 1) % 300}` }, [`v${round}_${at}`]: true },
    }), "d"),
  }),
  "200 choices of objects": (round) => ({
    oneOf: list(200, (at) => ({
      properties: {
        kind: { const: `kind ${round} ${at}` },
        value: { type: "integer", minimum: at },
      },
      required: ["kind", "value"],
    })),
  }),
  "50 patterns with lengths": (round) => ({
    properties: object(50, (at) => ({
      type: "string",
      pattern: `^[a-z]{1,${at + 1}}(-[0-9]+)*${round}$`,
      maxLength: 40,
    })),
  }),
  "lists of up to 1 900": (round) => ({
    items: { type: "integer", minimum: -12345, maximum: 98765 + round },
    minItems: 5,
    maxItems: 1_900,
  }),
  "formats and multiples": (round) => ({
    properties: object(
      60,
      (at) => at % 2 ? { format: "uri" } : { multipleOf: 0.01 * (at + 1) },
      `p${round}_`,
    ),
  }),
  "8 MB of schema": (round) => ({
    properties: object(
      60_000,
      () => ({ type: "string", description: "x".repeat(90) }),
      `p${round}_`,
    ),
  }),
};

/** Makes the grammars of the largest schemas. */
export function grammarWorks(): readonly Named[] {
  return [
    ...Object.entries(SCHEMAS).map(([name, schema]): Named => {
      const schemas = list(ROUNDS, schema);
      return [name, (round) => requestGrammar({ json_schema: schemas[round]! })];
    }),
    [
      "a call of one of 1 024 functions",
      (round) =>
        requestGrammar({
          tool_choice: "required",
          tools: list(1_024, (at) => ({
            type: "function",
            function: {
              name: `f${round}_${at}`,
              parameters: { properties: { a: {}, b: { minimum: 1 } } },
            },
          })),
        }),
    ],
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
