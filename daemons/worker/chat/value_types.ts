import { isExactNumber } from "#shared/exact_json.ts";
import { isRecord, parseJson } from "#shared/json.ts";

/** JSON schemas of the offered functions' parameters, by name. */
export type Offered = ReadonlyMap<string, unknown>;

const MAX_DEPTH = 8;

/** The schema of a property; undefined if nothing is known of it. */
export function propertySchema(schema: unknown, key: string, root: unknown = schema): unknown {
  const properties = isRecord(schema) ? dereferenced(schema, root)["properties"] : undefined;
  return isRecord(properties) && Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** The schema of an array's items; undefined if nothing is known of it. */
export function itemSchema(schema: unknown, root: unknown): unknown {
  return isRecord(schema) ? dereferenced(schema, root)["items"] : undefined;
}

/** The types that a value may have by its schema; empty where the schema says nothing. */
export function valueTypes(schema: unknown, root: unknown, depth = 0): ReadonlySet<string> {
  const types = new Set<string>();
  if (!isRecord(schema) || depth > MAX_DEPTH) return types;
  const { type, enum: values, const: constant, ...rest } = dereferenced(schema, root);
  if (type !== undefined) {
    for (const each of Array.isArray(type) ? type : [type]) types.add(String(each));
  } else if (Array.isArray(values) || constant !== undefined) {
    for (const each of Array.isArray(values) ? values : [constant]) {
      types.add(each === null ? "null" : isExactNumber(each) ? "number" : typeof each);
    }
  } else {
    const alternatives = rest["anyOf"] ?? rest["oneOf"] ?? rest["allOf"];
    for (const each of Array.isArray(alternatives) ? alternatives : []) {
      for (const found of valueTypes(each, root, depth + 1)) types.add(found);
    }
  }
  return types;
}

/** Whether text is a string whatever it says. */
export function isString(types: ReadonlySet<string>): boolean {
  return types.has("string") && !types.has("null");
}

const WORDS: Readonly<Record<string, string>> = { True: "true", False: "false", None: "null" };

/** The JSON text that a text means: JSON to the letter where it may be, otherwise a string. */
export function jsonOf(text: string, types: ReadonlySet<string>): string {
  const trimmed = text.trim();
  if (types.has("string")) {
    return types.has("null") && trimmed === "null" ? trimmed : JSON.stringify(text);
  }
  if (types.size > 0 && Object.hasOwn(WORDS, trimmed)) return WORDS[trimmed]!;
  return parseJson(trimmed) === undefined ? JSON.stringify(text) : trimmed;
}

function dereferenced(
  schema: Record<string, unknown>,
  root: unknown,
): Record<string, unknown> {
  let found = schema;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const reference = found["$ref"];
    if (typeof reference !== "string" || !reference.startsWith("#/")) break;
    let value = root;
    for (const part of reference.slice(2).split("/")) {
      const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
      value = isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    }
    if (!isRecord(value)) return {};
    found = value;
  }
  return found;
}
