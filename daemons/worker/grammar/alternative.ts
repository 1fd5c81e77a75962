import type { JsonNumber } from "./exact_json.ts";
import type { Bounds } from "./number_texts.ts";
import { boundsOf, impliedTypes, isSchema, namedTypes, type Schema, TYPES } from "./schema.ts";
import type { Alternative } from "./schema_reader.ts";

type Type = typeof TYPES[number];

/** The types that a value may have; undefined if all that matters is that it is one. */
export function typesOf(alternative: Alternative): readonly string[] | undefined {
  const lists = alternative.flatMap(({ schema }) =>
    namedTypes(schema) ? [namedTypes(schema)!] : []
  );
  if (lists.length === 0) {
    const implied = new Set(alternative.flatMap(({ schema }) => impliedTypes(schema) ?? []));
    if (implied.size > 0) return [...implied];
    return alternative.some(({ excludes }) => excludes)
      ? TYPES.filter((type) => type !== "integer")
      : undefined;
  }
  // An integer is a number, too.
  const common = TYPES.filter((type) =>
    lists.every((types) => types.includes(type) || type === "integer" && types.includes("number"))
  );
  const written = common.filter((type) => type !== "integer" || !common.includes("number"));
  // In the order of the schema, as the first is what a model takes first for an example.
  return [
    ...new Set([...lists[0]!.filter((type) => written.includes(type as Type)), ...written]),
  ];
}

export function namesIn(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.filter((each) => typeof each === "string") : [];
}

export function entriesOf(map: unknown): readonly (readonly [string, unknown])[] {
  return isSchema(map) ? Object.entries(map) : [];
}

/** Names that any of the schemas declares or requires, in their order. */
export function namesOf(alternative: Alternative): readonly string[] {
  const names = new Set<string>();
  for (const { schema } of alternative) {
    for (const [name] of entriesOf(schema["properties"])) names.add(name);
  }
  for (const { schema } of alternative) {
    for (const name of namesIn(schema["required"])) names.add(name);
  }
  return [...names];
}

/** Whether an object may have names that are not declared. */
export function isOpenObject(alternative: Alternative): boolean {
  if (alternative.some(({ schema }) => schema["additionalProperties"] === false)) return false;
  if (alternative.some(({ schema }) => schema["additionalProperties"] !== undefined)) return true;
  if (alternative.some(({ schema }) => schema["unevaluatedProperties"] === false)) return false;
  return !alternative.some(({ schema, isCondition }) =>
    !isCondition && isSchema(schema["properties"])
  );
}

/** Values that must not be, of all nodes that exclude some. */
export function excludedOf(alternative: Alternative): readonly unknown[] {
  return alternative.flatMap(({ schema, excludes }) => {
    const values = excludes ? (schema["not"] as Schema)["enum"] : undefined;
    return Array.isArray(values) ? values : [];
  });
}

/** The tightest bounds of several schemas. */
export function tightest(alternative: Alternative): Bounds {
  let min: JsonNumber = -Infinity;
  let max: JsonNumber = Infinity;
  let [isMinOpen, isMaxOpen] = [false, false];
  for (const { schema } of alternative) {
    const own = boundsOf(schema);
    if (own.min && (own.min.value > min || own.min.value == min && own.min.isOpen)) {
      [min, isMinOpen] = [own.min.value, own.min.isOpen];
    }
    if (own.max && (own.max.value < max || own.max.value == max && own.max.isOpen)) {
      [max, isMaxOpen] = [own.max.value, own.max.isOpen];
    }
  }
  return { min, isMinOpen, max, isMaxOpen };
}
