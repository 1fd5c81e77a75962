import { exactly, parseExactly } from "./exact_json.ts";
import { TooMuchWork, Work } from "./nfa.ts";
import type { Schema } from "./schema.ts";
import { SchemaCheck } from "./schema_check.ts";

/** Result of the check of a finished answer. */
export interface AnswerCheck {
  /** Whether no error was found. */
  readonly valid: boolean;
  /** The first errors, each with the JSON pointer of its place in the answer. */
  readonly errors: string[];
  /** Parts that could not be checked within the bound, and why. */
  readonly unchecked: string[];
}

/** Steps of a check: it takes some tens of milliseconds at most. */
const MAX_WORK = 150_000;
/** Characters that are parsed in the time of a step. */
const CHARACTERS = 16;

/**
 * Checks a finished answer against its schema. Integers are
 * compared to the last digit.
 *
 * @param text JSON.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * const schema = { type: "array", uniqueItems: true };
 * assert.deepEqual(checkAnswer(schema, "[1, 1]").errors, ["/: must have no item twice"]);
 * assert.ok(checkAnswer(schema, "[9007199254740993, 9007199254740992]").valid);
 * ```
 */
export function checkAnswer(schema: Schema, text: string): AnswerCheck {
  let value: unknown;
  try {
    value = parseExactly(text);
  } catch (error) {
    const message = error instanceof RangeError ? "is nested too deep" : "is not JSON";
    return { valid: false, errors: [`/: ${message}`], unchecked: [] };
  }
  let root: Schema;
  try {
    root = exactly(schema);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { valid: false, errors: [], unchecked: ["the schema is nested too deep"] };
  }
  const check = new SchemaCheck(root, new Work(MAX_WORK - text.length / CHARACTERS));
  try {
    const errors = [...check.errors(root, value)];
    return { valid: errors.length === 0, errors, unchecked: [...check.unchecked] };
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error;
    const unchecked = [...check.unchecked, "the answer is too large for its schema to be checked"];
    return { valid: false, errors: [], unchecked };
  }
}
