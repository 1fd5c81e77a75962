import { BrokenPattern, readPattern, UnsupportedPattern } from "./pattern.ts";
import { isNumber } from "./exact_json.ts";
import { leastInteger, mostInteger } from "./integer_range.ts";
import { boundsOf, isSchema, namedTypes, type Schema, TYPES } from "./schema.ts";

/** Keywords whose value is a list of schemas, a map of schemas, and a count. */
const LISTS = ["allOf", "anyOf", "oneOf"];
const MAPS = ["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"];
const COUNTS = [
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
  "minContains",
  "maxContains",
];
/** Keywords of which the first must not be more than the second. */
const PAIRS: readonly (readonly [string, string])[] = [
  ["minLength", "maxLength"],
  ["minItems", "maxItems"],
  ["minProperties", "maxProperties"],
];
const NUMBERS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"];

/** A keyword without a meaning, and why. */
export interface Broken {
  readonly key: string;
  readonly message: string;
}

/** Finds errors in a schema's own keywords, whether or not a grammar can hold them. */
export function* brokenKeywords(schema: Schema): Generator<Broken> {
  for (const type of namedTypes(schema) ?? []) {
    if ((TYPES as readonly string[]).includes(type)) continue;
    yield { key: "type", message: `${JSON.stringify(schema["type"])} is not a type` };
  }
  if (Array.isArray(schema["type"]) && schema["type"].length === 0) {
    yield { key: "type", message: "must not be empty" };
  }
  if (schema["enum"] !== undefined && !Array.isArray(schema["enum"])) {
    yield { key: "enum", message: "must be a list of values" };
  } else if (Array.isArray(schema["enum"]) && schema["enum"].length === 0) {
    yield { key: "enum", message: "must not be empty" };
  }
  for (const key of LISTS) {
    const list = schema[key];
    if (list === undefined || Array.isArray(list) && list.length > 0) continue;
    yield { key, message: Array.isArray(list) ? "must not be empty" : "must be a list of schemas" };
  }
  for (const key of MAPS) {
    if (schema[key] === undefined || isSchema(schema[key])) continue;
    yield { key, message: "must be an object of schemas" };
  }
  const { required } = schema;
  // Old schemas say `required: true` within a property.
  const isNames = Array.isArray(required) && required.every((each) => typeof each === "string");
  if (required !== undefined && typeof required !== "boolean" && !isNames) {
    yield { key: "required", message: "must be a list of names" };
  }
  yield* brokenFigures(schema);
  yield* brokenPatterns(schema);
}

function* brokenFigures(schema: Schema): Generator<Broken> {
  for (const key of COUNTS) {
    const value = schema[key];
    const isWhole = typeof value === "bigint" || Number.isInteger(value);
    if (value === undefined || isWhole && Number(value) >= 0) continue;
    yield { key, message: "must be a whole number from 0" };
  }
  for (const [least, most] of PAIRS) {
    if (!(Number(schema[least]) > Number(schema[most]))) continue;
    yield { key: least, message: `must not be more than ${most}` };
  }
  for (const key of NUMBERS) {
    const value = schema[key];
    const isOld = typeof value === "boolean" &&
      (key === "exclusiveMinimum" && schema["minimum"] !== undefined ||
        key === "exclusiveMaximum" && schema["maximum"] !== undefined);
    if (value !== undefined && !isOld && !isNumber(value)) {
      yield { key, message: "must be a number" };
    }
  }
  if (isNumber(schema["multipleOf"]) && schema["multipleOf"] <= 0) {
    yield { key: "multipleOf", message: "must be more than 0" };
  }
  const { min, max } = boundsOf(schema);
  if (!min || !max) return;
  if (min.value > max.value || min.value == max.value && (min.isOpen || max.isOpen)) {
    yield { key: min.key, message: `leaves no number below ${max.key}` };
  } else if (namedTypes(schema)?.every((type) => type === "integer")) {
    const [low, high] = [leastInteger(min.value, min.isOpen), mostInteger(max.value, max.isOpen)];
    if (low > high) yield { key: min.key, message: `leaves no integer below ${max.key}` };
  }
}

function* brokenPatterns(schema: Schema): Generator<Broken> {
  const { pattern, patternProperties } = schema;
  if (pattern !== undefined) {
    if (typeof pattern !== "string") yield { key: "pattern", message: "must be a text" };
    else {
      const message = brokenPattern(pattern);
      if (message !== undefined) yield { key: "pattern", message };
    }
  }
  if (!isSchema(patternProperties)) return;
  for (const each of Object.keys(patternProperties)) {
    const message = brokenPattern(each);
    if (message !== undefined) yield { key: `patternProperties.${each}`, message };
  }
}

function brokenPattern(pattern: string): string | undefined {
  try {
    readPattern(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof UnsupportedPattern) return undefined;
    if (error instanceof BrokenPattern) return `is not a regular expression: ${error.message}`;
    throw error;
  }
}
