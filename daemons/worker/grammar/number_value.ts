import { excludedOf, tightest } from "./alternative.ts";
import type { Place } from "./detail.ts";
import { bothOf, type Dfa, othersThan, textsOf } from "./dfa.ts";
import { isNumber } from "./exact_json.ts";
import { integerRange, leastInteger, mostInteger } from "./integer_range.ts";
import { TooMuchWork } from "./nfa.ts";
import { integerPattern, multiplesOf, numberExpression, numberPattern } from "./number_texts.ts";
import type { Alternative } from "./schema_reader.ts";
import { patternLanguage, withinBounds } from "./text_language.ts";
import type { ValueContext } from "./value_context.ts";

/** Multiples are written with 15 digits where no bound says more: their remainders are many rules. */
const MOST_DIGITS = 999_999_999_999_999;
/** Numbers from 0 may have an exponent, as it does not change their sign. */
const FROM_ZERO = 'whole ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?';

/** An expression of the numbers that satisfy an alternative; undefined if none does. */
export function numberValue(
  type: "integer" | "number",
  alternative: Alternative,
  { book, unheld, work }: Pick<ValueContext, "book" | "unheld" | "work">,
): string | undefined {
  const bounds = tightest(alternative);
  const steps = alternative.flatMap(({ schema, at }) =>
    isNumber(schema["multipleOf"]) ? [{ step: schema["multipleOf"], at: `${at}.multipleOf` }] : []
  );
  const excluded = excludedOf(alternative).filter(isNumber);
  if (excluded.length > 0 && type === "number") unheld.leave(alternative, "not");
  const isInteger = type === "integer";
  const isFree = bounds.min === -Infinity && bounds.max === Infinity;
  if (isFree && steps.length === 0 && (excluded.length === 0 || !isInteger)) return type;
  const low = leastInteger(bounds.min, bounds.isMinOpen);
  const high = mostInteger(bounds.max, bounds.isMaxOpen);
  if (bounds.min > bounds.max || isInteger && low > high) return undefined;
  if (isInteger && steps.length === 0 && excluded.length === 0) {
    const range = integerRange(low, high);
    if (range !== undefined) return book.shared(range);
    unheld.leaveBounds(alternative);
    return "integer";
  }
  const isFromZero = !isInteger && bounds.min == 0 && !bounds.isMinOpen &&
    bounds.max === Infinity && steps.length === 0;
  if (isFromZero) return book.shared(FROM_ZERO);
  const pattern = isInteger
    ? anchored(integerPattern(
      low < -MOST_DIGITS ? -MOST_DIGITS : low,
      high > MOST_DIGITS ? MOST_DIGITS : high,
    ))
    : numberPattern(bounds);
  if (pattern !== undefined && steps.length === 0 && excluded.length === 0) {
    return book.shared(numberExpression(pattern));
  }
  const dfa = pattern === undefined ? undefined : patternLanguage(pattern, work);
  if (!dfa) {
    for (const { at } of steps) unheld.add(at);
    if (excluded.length > 0) unheld.leave(alternative, "not");
    if (pattern !== undefined) return book.shared(numberExpression(pattern));
    unheld.leaveBounds(alternative);
    return type;
  }
  let all: Dfa = dfa;
  const and = (at: Place, make: () => Dfa | undefined) => {
    const both = withinBounds(() => {
      const part = make();
      if (!part) throw new TooMuchWork();
      return bothOf(all, part, work);
    });
    if (both) all = both;
    else unheld.add(at);
  };
  for (const { step, at } of steps) and(at, () => multiplesOf(step));
  if (isInteger && excluded.length > 0) {
    const texts = excluded.map(String);
    and(`${alternative[0]!.at}.not`, () => othersThan(textsOf(texts, work), work));
  }
  return all.length === 0 ? undefined : book.shared(book.automaton(all, "bare"));
}

function anchored(pattern: string | undefined): string | undefined {
  return pattern === undefined ? undefined : `^${pattern}$`;
}
