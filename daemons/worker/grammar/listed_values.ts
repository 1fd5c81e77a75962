import { identityOf } from "./exact_json.ts";
import { literalChoice } from "./literal_choice.ts";
import { TooMuchWork } from "./nfa.ts";
import { listedValues } from "./schema.ts";
import type { SchemaCheck } from "./schema_check.ts";
import type { Alternative, Node } from "./schema_reader.ts";
import type { Unheld } from "./unheld.ts";

/** Most characters of the values that a schema lists in one place. */
const MAX_LISTED = 150_000;
/** Keywords that do not restrict values. */
const ANNOTATIONS = ["title", "description", "default", "examples", "$defs", "definitions", "type"];

/** The values that an alternative lists and that satisfy all else; undefined if it lists none. */
export function listedIn(
  alternative: Alternative,
  check: SchemaCheck,
  unheld: Unheld,
): readonly unknown[] | undefined {
  const lists = alternative.flatMap(({ schema }) => {
    const values = listedValues(schema);
    return values ? [values] : [];
  });
  const [first, ...others] = lists.toSorted((one, other) => one.length - other.length);
  if (!first) return undefined;
  const known = others.map((values) => new Set(values.map(identityOf)));
  const common = first.filter((value) => known.every((each) => each.has(identityOf(value))));
  const conditions = alternative.flatMap(({ schema }) => {
    const { const: _const, enum: _enum, ...rest } = schema;
    return Object.keys(rest).length === 0 ? [] : [rest];
  });
  try {
    return common.filter((value) => conditions.every((schema) => check.isValid(schema, value)));
  } catch (error) {
    if (!(error instanceof TooMuchWork)) throw error;
    for (const { at, schema } of alternative) {
      for (const key of Object.keys(schema)) {
        if (!["const", "enum", ...ANNOTATIONS].includes(key)) unheld.add(`${at}.${key}`);
      }
    }
    return common;
  }
}

/** An expression of listed values, as JSON. */
export function choiceOf(
  texts: readonly string[],
  nodes: readonly Node[],
  unheld: Unheld,
): string {
  if (texts.reduce((sum, text) => sum + text.length, 0) <= MAX_LISTED) {
    return literalChoice(texts);
  }
  for (const { at } of nodes) unheld.add(at);
  return texts.every((text) => text.startsWith('"')) ? "string" : "value";
}
