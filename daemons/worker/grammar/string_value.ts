import type { Alternative } from "./schema_reader.ts";
import { languageOf } from "./string_language.ts";
import type { ValueContext } from "./value_context.ts";

/** An expression of the strings that satisfy an alternative; undefined if none does. */
export function stringValue(alternative: Alternative, context: ValueContext): string | undefined {
  const { book, unheld, repeats } = context;
  const min = repeats.most(alternative, "minLength") ?? 0;
  const max = repeats.least(alternative, "maxLength") ?? Infinity;
  if (min > max) return undefined;
  const dfa = languageOf(alternative, context);
  if (dfa) return dfa.length === 0 ? undefined : book.rule(book.automaton(dfa, "string"));
  if (min === 0 && max === Infinity) return "string";
  if (!repeats.mayRepeat(max === Infinity ? min : max)) {
    unheld.leave(alternative, "minLength", "maxLength");
    return "string";
  }
  return book.shared(`"\\"" char{${min},${max === Infinity ? "" : max}} "\\""`);
}
