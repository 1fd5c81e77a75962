import { isRecord } from "#shared/json.ts";
import { isNumber, type JsonNumber } from "./exact_json.ts";

/** A JSON schema that is an object; `true` and `false` are schemas, too. */
export type Schema = Readonly<Record<string, unknown>>;

/** Names of JSON's types, as schemas have them; `number` includes `integer`. */
export const TYPES = ["object", "array", "string", "integer", "number", "boolean", "null"] as const;

/** Keywords that restrict values of a type, by that type. */
const KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  object: [
    "properties",
    "required",
    "additionalProperties",
    "patternProperties",
    "propertyNames",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "unevaluatedProperties",
  ],
  array: [
    "items",
    "prefixItems",
    "additionalItems",
    "minItems",
    "maxItems",
    "uniqueItems",
    "contains",
    "unevaluatedItems",
  ],
  string: ["minLength", "maxLength", "format", "pattern"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"],
};

/** Whether a value is a schema other than `true` and `false`. */
export function isSchema(value: unknown): value is Schema {
  return isRecord(value);
}

/** The types that a schema names; undefined if it names none. `nullable` adds `null`. */
export function namedTypes({ type, nullable }: Schema): readonly string[] | undefined {
  if (type === undefined) return undefined;
  const types = (Array.isArray(type) ? type : [type]).map(String);
  return nullable === true ? [...types, "null"] : types;
}

/** The types that a schema without `type` must mean by its keywords; undefined if it may be any. */
export function impliedTypes(schema: Schema): readonly string[] | undefined {
  const types = Object.keys(KEYWORDS).filter((type) =>
    KEYWORDS[type]!.some((key) => schema[key] !== undefined)
  );
  return types.length === 0 ? undefined : types;
}

/** The values that a schema lists; undefined if it lists none. */
export function listedValues(schema: Schema): readonly unknown[] | undefined {
  if (Object.hasOwn(schema, "const")) return [schema["const"]];
  return schema["enum"] as readonly unknown[] | undefined;
}

/** Schemas of an array's items. */
export interface Items {
  /** Those of the first ones. */
  readonly first: readonly unknown[];
  /** That of the others; undefined if the schema does not say. */
  readonly others: unknown;
}

/** Reads `items` of every draft; a `prefixItems` that is no list counts as `items`, as elsewhere. */
export function itemsOf({ items, prefixItems, additionalItems }: Schema): Items {
  if (Array.isArray(items)) return { first: items, others: additionalItems };
  if (Array.isArray(prefixItems)) return { first: prefixItems, others: items };
  return { first: [], others: items ?? prefixItems };
}

/** A bound of a number, and whether the number itself lies outside. */
export interface Bound {
  readonly value: JsonNumber;
  readonly isOpen: boolean;
  readonly key: string;
}

/** Bounds of numbers, of every draft: `exclusiveMinimum` was once a boolean. */
export function boundsOf(schema: Schema): { readonly min?: Bound; readonly max?: Bound } {
  const bound = (
    key: string,
    openKey: string,
    isTighter: (a: JsonNumber, b: JsonNumber) => boolean,
  ) => {
    const [value, open] = [schema[key], schema[openKey]];
    if (isNumber(open) && !(isNumber(value) && isTighter(value, open))) {
      return { value: open, isOpen: true, key: openKey };
    }
    return isNumber(value) ? { value, isOpen: open === true, key } : undefined;
  };
  const min = bound("minimum", "exclusiveMinimum", (value, open) => value > open);
  const max = bound("maximum", "exclusiveMaximum", (value, open) => value < open);
  return { ...min && { min }, ...max && { max } };
}

/**
 * Names that depend on others: of `dependentRequired`, `dependentSchemas` and `dependencies`.
 *
 * @returns for each name a list of names or a schema
 */
export function dependenciesOf(
  schema: Schema,
): readonly { readonly key: string; readonly name: string; readonly needs: unknown }[] {
  return ["dependentRequired", "dependentSchemas", "dependencies"].flatMap((key) => {
    const map = schema[key];
    return isSchema(map) ? Object.entries(map).map(([name, needs]) => ({ key, name, needs })) : [];
  });
}

/** What a `$ref` points to, and the steps from the root to there. */
export interface Target {
  readonly schema: unknown;
  readonly steps: readonly string[];
}

/** The reference of a schema, by whichever keyword. */
export function referenceOf(
  schema: Schema,
): { readonly key: string; readonly ref: unknown } | undefined {
  const key = ["$ref", "$dynamicRef", "$recursiveRef"].find((each) => schema[each] !== undefined);
  return key === undefined ? undefined : { key, ref: schema[key] };
}

/** Finds what a reference into the root schema points to; undefined if there is nothing. */
export function findTarget(root: Schema, ref: unknown): Target | undefined {
  if (typeof ref !== "string") return undefined;
  const id = root["$id"];
  const local = typeof id === "string" && id !== "" && ref.startsWith(id)
    ? ref.slice(id.length)
    : ref;
  if (local === "" || local === "#") return { schema: root, steps: [] };
  if (!local.startsWith("#")) return undefined;
  if (!local.startsWith("#/")) return findAnchor(root, local.slice(1));
  const steps = local.slice(2).split("/").map(unescapeStep);
  let schema: unknown = root;
  for (const step of steps) {
    if (Array.isArray(schema)) schema = /^\d+$/.test(step) ? schema[Number(step)] : undefined;
    else schema = isSchema(schema) && Object.hasOwn(schema, step) ? schema[step] : undefined;
  }
  return schema === undefined ? undefined : { schema, steps };
}

/** Finds a definition by its `$anchor`. */
function findAnchor(root: Schema, anchor: string): Target | undefined {
  for (const key of ["$defs", "definitions"]) {
    const definitions = root[key];
    if (!isSchema(definitions)) continue;
    for (const [name, schema] of Object.entries(definitions)) {
      if (!isSchema(schema)) continue;
      if (schema["$anchor"] === anchor || schema["$dynamicAnchor"] === anchor) {
        return { schema, steps: [key, name] };
      }
    }
  }
  return undefined;
}

function unescapeStep(step: string): string {
  let plain = step;
  try {
    plain = decodeURIComponent(step);
  } catch { /* A percent sign of its own. */ }
  return plain.replaceAll("~1", "/").replaceAll("~0", "~");
}
