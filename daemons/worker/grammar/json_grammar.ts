import { invalidRequest } from "#shared/errors.ts";
import { grammarText } from "./base_rules.ts";
import type { Detail, Place } from "./detail.ts";
import { GrammarWriter } from "./grammar_writer.ts";
import { atOnce, type Making } from "./in_turns.ts";
import type { Schema } from "./schema.ts";

/** A grammar of JSON values. */
export interface JsonGrammar {
  /** GBNF. */
  readonly grammar: string;
  /** Keywords that the grammar does not hold, or not wholly: a check of the answer must. */
  readonly unheld: readonly Place[];
}

/**
 * Makes a GBNF grammar of the JSON values that a schema allows. Objects have their properties in
 * the order of the schema, with or without optional ones, and little white space. What a schema
 * does not mention is left out: an object with `properties` has others only where
 * `additionalProperties` says so, an array with `prefixItems` has all of them and no others unless
 * `items` or `minItems` says so.
 *
 * @param field The schema's field in the request, for messages.
 * @param detail Less than all where llama.cpp could not handle the grammar of all.
 * @throws {LlorchError} `INVALID_REQUEST` that lists all keywords that cannot mean anything
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.match(jsonGrammar({ enum: ["a", 1] }, "json_schema").grammar, /^root ::= /);
 * assert.deepEqual(jsonGrammar({ uniqueItems: true }, "json_schema").unheld, [
 *   "json_schema.uniqueItems",
 * ]);
 * ```
 */
export function jsonGrammar(schema: Schema, field: string, detail: Detail = "all"): JsonGrammar {
  return atOnce(makingJsonGrammar(schema, field, detail));
}

/** The same as {@linkcode jsonGrammar}; it may be interrupted after each property, item and choice. */
export function* makingJsonGrammar(
  schema: Schema,
  field: string,
  detail: Detail = "all",
): Making<JsonGrammar> {
  const writer = new GrammarWriter(schema, field, { detail });
  const root = yield* writer.expression();
  if (writer.errors.length > 0) throw invalidRequest(writer.errors);
  return { grammar: grammarText(root, writer.rules), unheld: writer.unheld };
}
