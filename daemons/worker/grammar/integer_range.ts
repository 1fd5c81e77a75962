/** Most digits of an integer that a model may write: not all larger ones are exact in JSON. */
const MAX_DIGITS = 15;
/** The largest integer of that many digits. */
const LARGEST = 10 ** MAX_DIGITS - 1;

/**
 * A grammar of the integers from `min` to `max` inclusive, without leading zeros or `-0`. Bounds
 * are limited to 15 digits.
 *
 * @returns an expression for any position in a rule; undefined if there is no integer between them
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(integerRange(-1, 120), '("-" "1" | "0" | [1-9] [0-9]{0,1} | "1" ([0-1] [0-9] | "2" "0"))');
 * ```
 */
export function integerRange(min: number, max: number): string | undefined {
  const low = Math.max(Math.ceil(min), -LARGEST);
  const high = Math.min(Math.floor(max), LARGEST);
  const choices = [
    ...positive(Math.max(1, -high), -low).map((choice) => `"-" ${choice}`),
    ...(low <= 0 && high >= 0 ? ['"0"'] : []),
    ...positive(Math.max(1, low), high),
  ];
  return choices.length === 0 ? undefined : `(${choices.join(" | ")})`;
}

/** Choices for positive numbers, by their number of digits. */
function positive(low: number, high: number): string[] {
  const choices: string[] = [];
  for (let from = low; from <= high;) {
    const digits = String(from).length;
    // All numbers of this and larger numbers of digits, up to `high`.
    let last = digits;
    while (10 ** last - 1 <= high) last++;
    last--;
    if (from === 10 ** (digits - 1) && last >= digits) {
      choices.push(`[1-9]${last === 1 ? "" : ` [0-9]{${digits - 1},${last - 1}}`}`);
      from = 10 ** last;
    } else {
      const to = Math.min(high, 10 ** digits - 1);
      choices.push(sameLength(String(from), String(to)));
      from = to + 1;
    }
  }
  return choices;
}

/** An expression for the texts of digits from `low` to `high`, which have the same length. */
function sameLength(low: string, high: string): string {
  if (/^0*$/.test(low) && /^9*$/.test(high)) return low.length === 0 ? "" : anyDigits(low.length);
  const [first, last] = [Number(low[0]), Number(high[0])];
  const rest = low.length - 1;
  if (first === last) return join(`"${first}"`, sameLength(low.slice(1), high.slice(1)));
  const from = /^0*$/.test(low.slice(1)) ? first : first + 1;
  const to = /^9*$/.test(high.slice(1)) ? last : last - 1;
  const choices = [
    ...(from > first ? [join(`"${first}"`, sameLength(low.slice(1), "9".repeat(rest)))] : []),
    ...(from <= to ? [join(`[${from}-${to}]`, rest === 0 ? "" : anyDigits(rest))] : []),
    ...(to < last ? [join(`"${last}"`, sameLength("0".repeat(rest), high.slice(1)))] : []),
  ];
  return choices.length === 1 ? choices[0]! : `(${choices.join(" | ")})`;
}

function anyDigits(count: number): string {
  return count === 1 ? "[0-9]" : `[0-9]{${count}}`;
}

function join(first: string, rest: string): string {
  return rest === "" ? first : `${first} ${rest}`;
}
