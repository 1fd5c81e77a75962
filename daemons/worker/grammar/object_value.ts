import { excludedOf, namesIn, namesOf } from "./alternative.ts";
import type { Making } from "./in_turns.ts";
import { literal } from "./literal_choice.ts";
import { objectRule, type Pair } from "./object_rule.ts";
import { otherPair } from "./other_pair.ts";
import { propertyValue } from "./property_value.ts";
import { isSchema } from "./schema.ts";
import type { Alternative } from "./schema_reader.ts";
import type { ValueContext } from "./value_context.ts";

/** An expression of the objects that satisfy an alternative; undefined if none does. */
export function* objectValue(
  alternative: Alternative,
  depth: number,
  context: ValueContext,
): Making<string | undefined> {
  const { book, unheld, repeats } = context;
  if (excludedOf(alternative).some(isSchema)) unheld.leave(alternative, "not");
  const names = namesOf(alternative);
  const required = new Set(alternative.flatMap(({ schema }) => namesIn(schema["required"])));
  const more = yield* otherPair(alternative, names, depth, context);
  const pairs: Pair[] = [];
  for (const name of names) {
    const value = yield* propertyValue(name, alternative, depth, required.has(name), context);
    yield;
    if (value === undefined) {
      if (required.has(name)) return undefined;
      continue;
    }
    if (value === "forbidden") {
      required.delete(name);
      continue;
    }
    pairs.push({
      pair: `${literal(JSON.stringify(name))} ":" ws ${value}`,
      isRequired: required.has(name),
    });
  }
  const min = repeats.most(alternative, "minProperties") ?? 0;
  const max = repeats.least(alternative, "maxProperties") ?? Infinity;
  const made = objectRule(pairs, more, { min, max }, (expression) => book.rule(expression));
  if (made === "too large") {
    unheld.leave(alternative, "minProperties", "maxProperties");
    const free = { min: 0, max: Infinity };
    return objectRule(pairs, more, free, (expression) => book.rule(expression));
  }
  return made;
}
