import { type FieldError, invalidRequest } from "#shared/errors.ts";

/** A part of a JSON Schema, or of what the grammar generator makes of it. */
export type Node = Readonly<Record<string, unknown>>;

/** Keywords that say nothing about which values are valid, or that the generator honours anyway. */
const SILENT = new Set([
  "$schema",
  "$id",
  "$comment",
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
  // Every property listed is always written, so any set of required ones is satisfied.
  "required",
]);

/** Keywords that pass as they are. */
const PLAIN = new Set([
  "const",
  "enum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "minProperties",
  "maxProperties",
]);

const FORMATS = ["date-time", "time", "date"];

/**
 * A JSON Schema in the dialect that node-llama-cpp makes grammars of. What that dialect cannot
 * say is refused by name, because a grammar that ignores it would give output that breaks the schema.
 *
 * @param field Where the schema stands in the request, for messages.
 * @throws {LlorchError} `INVALID_REQUEST` listing every keyword that cannot be honoured.
 */
export function toGrammarSchema(schema: Node, field: string): Node {
  const errors: FieldError[] = [];
  const converted = convert(schema, field, errors);
  if (errors.length > 0) throw invalidRequest(errors);
  return converted;
}

function convert(node: unknown, at: string, errors: FieldError[]): Node {
  if (typeof node !== "object" || node === null || Array.isArray(node)) {
    errors.push({ field: at, message: "must be a schema: an object" });
    return {};
  }
  const schema = node as Node;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (SILENT.has(key)) continue;
    const place = `${at}.${key}`;
    if (PLAIN.has(key)) out[key] = value;
    else if (key === "type" || key === "$ref") out[key] = value;
    else if (key === "properties" || key === "$defs" || key === "definitions") {
      out[key === "definitions" ? "$defs" : key] = convertMap(value, place, errors);
    } else if (key === "anyOf" || key === "oneOf" || key === "prefixItems") {
      out[key === "anyOf" ? "oneOf" : key] = convertList(value, place, errors);
    } else if (key === "items") out[key] = convert(value, place, errors);
    else if (key === "additionalProperties") {
      out[key] = typeof value === "boolean" ? value : convert(value, place, errors);
    } else if (key === "format" && FORMATS.includes(String(value))) out[key] = value;
    else errors.push({ field: place, message: "is not supported in a schema" });
  }
  return complete(out, at, errors);
}

/** What the dialect needs said that JSON Schema leaves open. */
function complete(out: Node, at: string, errors: FieldError[]): Node {
  if (typeof out["$ref"] === "string") {
    const ref = out["$ref"].replace("#/definitions/", "#/$defs/");
    if (ref.startsWith("#/$defs/")) return { ...out, $ref: ref };
    errors.push({ field: `${at}.$ref`, message: "must point into #/$defs/" });
    return out;
  }
  if (out["oneOf"] !== undefined || out["const"] !== undefined || out["enum"] !== undefined) {
    return out;
  }
  const type = out["type"] ??
    (out["properties"] !== undefined ? "object" : out["items"] !== undefined ? "array" : undefined);
  if (type === undefined) {
    errors.push({ field: at, message: "needs a type, an enum, a const, an anyOf or a $ref" });
    return out;
  }
  // Without properties of its own an object may have any, as JSON Schema says.
  if (type === "object" && out["properties"] === undefined) {
    return { additionalProperties: true, ...out, type };
  }
  if (Array.isArray(type)) return splitTypes(type, out);
  return { ...out, type };
}

/** The dialect lists several types only where they are plain values. */
function splitTypes(types: readonly unknown[], out: Node): Node {
  return {
    oneOf: types.map((type) => {
      const kept = Object.entries(out).filter(([key]) => appliesTo(key, type));
      const one: Record<string, unknown> = { ...Object.fromEntries(kept), type };
      return type === "object" && one["properties"] === undefined
        ? { additionalProperties: true, ...one }
        : one;
    }),
    ...(out["$defs"] === undefined ? {} : { $defs: out["$defs"] }),
  };
}

function appliesTo(key: string, type: unknown): boolean {
  if (key === "type" || key === "$defs") return false;
  if (/Length$|^format$/.test(key)) return type === "string";
  if (/[iI]tems$/.test(key)) return type === "array";
  return type === "object";
}

function convertMap(value: unknown, at: string, errors: FieldError[]): Node {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    errors.push({ field: at, message: "must be an object of schemas" });
    return {};
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, convert(one, `${at}.${name}`, errors)]),
  );
}

function convertList(value: unknown, at: string, errors: FieldError[]): Node[] {
  if (!Array.isArray(value) || value.length === 0) {
    errors.push({ field: at, message: "must be a list of schemas" });
    return [];
  }
  return value.map((one, index) => convert(one, `${at}.${index}`, errors));
}
