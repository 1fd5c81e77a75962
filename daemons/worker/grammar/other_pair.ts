import { entriesOf, isOpenObject } from "./alternative.ts";
import type { Place } from "./detail.ts";
import { bothOf, type Dfa, othersThan, textsOf } from "./dfa.ts";
import type { Making } from "./in_turns.ts";
import type { Schema } from "./schema.ts";
import type { Alternative, Node, SchemaReader } from "./schema_reader.ts";
import { languageOf } from "./string_language.ts";
import { patternLanguage, withinBounds } from "./text_language.ts";
import type { ValueContext } from "./value_context.ts";

/** Most overlapping `patternProperties` whose combinations are written out. */
const MAX_NAME_PATTERNS = 3;

/** An expression for a pair of a name that is not declared; undefined if there is none. */
export function* otherPair(
  alternative: Alternative,
  names: readonly string[],
  depth: number,
  context: ValueContext,
): Making<string | undefined> {
  const { book, unheld, work } = context;
  const patterns = alternative.flatMap(({ schema, at }) =>
    entriesOf(schema["patternProperties"]).map(([pattern, value]) => ({
      ...{ pattern, value, at: `${at}.patternProperties.${pattern}` },
      schema,
    }))
  );
  const isOpen = isOpenObject(alternative);
  if (!isOpen && patterns.length === 0) return undefined;
  const base = namesThan(alternative, names, context);
  const isTooMany = patterns.length > MAX_NAME_PATTERNS;
  const languages = isTooMany ? [] : patterns.map(({ pattern }) => patternLanguage(pattern, work));
  if (isTooMany || languages.some((each) => !each)) {
    // Any of the names may then have any value.
    for (const { at } of patterns) unheld.add(at);
    return yield* pairOf(base, [], 0, context);
  }
  const pairs: string[] = [];
  for (let some = 0; some < 2 ** patterns.length; some++) {
    const chosen = patterns.filter((_, index) => some >> index & 1);
    if (some === 0 && !isOpen) continue;
    const nodes = nodesOf(alternative, chosen, context.reader);
    if (!nodes) continue;
    const dfa = languages.reduce<Dfa | undefined>((all, language, index) => {
      const part = some >> index & 1 ? language! : othersThan(language!, work);
      return all ? bothOf(all, part, work) : part;
    }, base);
    const pair = yield* pairOf(dfa, nodes, depth, context);
    if (pair !== undefined) pairs.push(pair);
  }
  if (pairs.length < 2) return pairs[0];
  return book.rule(pairs.join(" | "));
}

/** What the value of a name satisfies that matches some patterns and no others. */
function nodesOf(
  alternative: Alternative,
  chosen: readonly { readonly value: unknown; readonly at: string; readonly schema: Schema }[],
  reader: SchemaReader,
): readonly Node[] | undefined {
  const nodes = new Set<Node>();
  for (const { schema, at } of alternative) {
    const own: [schema: unknown, at: string][] = chosen.filter((each) => each.schema === schema)
      .map(({ value, at }) => [value, at]);
    const rest = schema["additionalProperties"] ?? schema["unevaluatedProperties"];
    if (own.length === 0 && rest !== undefined) own.push([rest, `${at}.additionalProperties`]);
    for (const [value, place] of own) {
      const found = reader.nodesOf(value, place);
      if (!found) return undefined;
      for (const each of found) nodes.add(each);
    }
  }
  return [...nodes];
}

function* pairOf(
  dfa: Dfa | undefined,
  nodes: readonly Node[],
  depth: number,
  context: ValueContext,
): Making<string | undefined> {
  const { book } = context;
  if (dfa?.length === 0) return undefined;
  const value = yield* context.value(nodes, depth + 1);
  if (value === undefined) return undefined;
  return book.rule(`${dfa ? book.automaton(dfa, "string") : "string"} ":" ws ${value}`);
}

/** The names that are not declared; undefined if they may be any. */
function namesThan(
  alternative: Alternative,
  names: readonly string[],
  context: ValueContext,
): Dfa | undefined {
  const { unheld, reader, work } = context;
  const parts: (readonly [place: Place, make: () => Dfa | undefined])[] = [];
  for (const { schema, at } of alternative) {
    const given = schema["propertyNames"];
    if (given === undefined) continue;
    const place = `${at}.propertyNames`;
    const found = reader.nodesOf(given, place);
    const alternatives = found ? reader.alternatives(found) : [];
    if (alternatives.length === 0) return [];
    if (alternatives.length > 1) unheld.add(place);
    else parts.push([place, () => languageOf(alternatives[0]!, context)]);
  }
  if (names.length > 0) {
    const place = `${alternative[0]!.at}.additionalProperties`;
    parts.push([place, () => othersThan(textsOf(names, work), work)]);
  }
  let all: Dfa | undefined;
  for (const [place, make] of parts) {
    const both = withinBounds(() => {
      const part = make();
      if (!part) return all ?? [];
      return all ? bothOf(all, part, work) : part;
    });
    if (both) all = both;
    else unheld.add(place);
  }
  return all;
}
