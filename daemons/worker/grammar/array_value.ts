import { excludedOf } from "./alternative.ts";
import { arrayRule } from "./array_rule.ts";
import type { Making } from "./in_turns.ts";
import { itemsOf } from "./schema.ts";
import type { Alternative, Node } from "./schema_reader.ts";
import type { ValueContext } from "./value_context.ts";

/** An expression of the arrays that satisfy an alternative; undefined if none does. */
export function* arrayValue(
  alternative: Alternative,
  depth: number,
  context: ValueContext,
): Making<string | undefined> {
  const { book, unheld, repeats, reader } = context;
  if (excludedOf(alternative).some(Array.isArray)) unheld.leave(alternative, "not");
  const items = alternative.map((node) => ({ ...itemsOf(node.schema), node }));
  const count = Math.max(...items.map(({ first }) => first.length));
  const nodesAt = (index: number) => {
    const nodes = new Set<Node>();
    for (const { first, others, node: { at } } of items) {
      const isFirst = index < first.length;
      const inner = isFirst ? first[index] : others;
      if (inner === undefined) continue;
      const found = reader.nodesOf(
        inner,
        isFirst ? `${at}.prefixItems.${index}` : `${at}.items`,
      );
      if (!found) return undefined;
      for (const each of found) nodes.add(each);
    }
    return [...nodes];
  };
  const first: string[] = [];
  while (first.length < count) {
    const nodes = nodesAt(first.length);
    const value = nodes && (yield* context.value(nodes, depth + 1));
    if (value === undefined) break;
    first.push(book.rule(value));
    yield;
  }
  const isOpen = count === 0 || items.some(({ others }) => others !== undefined);
  const isOver = alternative.some(({ schema }) => schema["unevaluatedItems"] === false) &&
    !items.some(({ others }) => others !== undefined);
  const isCut = first.length < count;
  let max = repeats.least(alternative, "maxItems") ?? Infinity;
  const least = repeats.most(alternative, "minItems");
  let min = least ?? Math.min(isCut ? 0 : count, max);
  const times = Math.max(min, max === Infinity ? 0 : max) - count;
  if (isOpen && times > 0 && !repeats.mayRepeat(times)) {
    unheld.leave(alternative, "minItems", "maxItems");
    [min, max] = [Math.min(min, count), Infinity];
  }
  const restNodes = isOpen && !isOver && !isCut && max > count ? nodesAt(count) : undefined;
  const rest = restNodes && (yield* context.value(restNodes, depth + 1));
  for (const { schema, at } of alternative) {
    for (const key of ["contains", "unevaluatedItems"]) {
      if (
        schema[key] !== undefined &&
        !(key === "unevaluatedItems" && (isOver || schema[key] === true))
      ) {
        unheld.add(`${at}.${key}`);
      }
    }
    if (schema["uniqueItems"] === true && max > 1) unheld.add(`${at}.uniqueItems`);
  }
  const limits = { min, max };
  return arrayRule(first, rest, limits, (expression) => book.rule(expression));
}
