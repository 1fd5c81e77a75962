import type { JsonNumber } from "./exact_json.ts";

/** The smallest and the largest integer of 64 bits, the latter without a sign. */
const SMALLEST = -(2n ** 63n);
const LARGEST = 2n ** 64n - 1n;
/** The largest integer of 64 bits with a sign: what an integer without a bound goes up to. */
const LARGEST_SIGNED = 2n ** 63n - 1n;

/**
 * A grammar of the integers from `min` to `max` inclusive, without leading zeros or `-0`. They are
 * held to 64 bits: without a bound to those with a sign.
 *
 * @returns an expression for any position in a rule; undefined if there is no integer between them
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(integerRange(-1, 120), '("-" "1" | "0" | [1-9] [0-9]{0,1} | "1" ([0-1] [0-9] | "2" "0"))');
 * ```
 */
export function integerRange(min: JsonNumber, max: JsonNumber): string | undefined {
  const low = larger(toInteger(leastInteger(min)), SMALLEST);
  const unbounded = low > LARGEST_SIGNED ? LARGEST : LARGEST_SIGNED;
  const high = max === Infinity ? unbounded : highest(mostInteger(max));
  const choices = [
    ...positive(larger(1n, -high), -low).map((choice) => `"-" ${choice}`),
    ...(low <= 0n && high >= 0n ? ['"0"'] : []),
    ...positive(larger(1n, low), high),
  ];
  return choices.length === 0 ? undefined : `(${choices.join(" | ")})`;
}

/** The least integer that is at least a bound, or above it if the bound is open. */
export function leastInteger(bound: JsonNumber, isOpen = false): JsonNumber {
  if (typeof bound === "bigint") return isOpen ? bound + 1n : bound;
  return isOpen ? Math.floor(bound) + 1 : Math.ceil(bound);
}

/** The most that an integer can be by a bound. */
export function mostInteger(bound: JsonNumber, isOpen = false): JsonNumber {
  if (typeof bound === "bigint") return isOpen ? bound - 1n : bound;
  return isOpen ? Math.ceil(bound) - 1 : Math.floor(bound);
}

/** A bound as an integer; far ones become one that lies beyond 64 bits. */
function toInteger(bound: JsonNumber): bigint {
  if (typeof bound === "bigint") return bound;
  return Number.isFinite(bound) ? BigInt(bound) : bound < 0 ? SMALLEST : LARGEST + 1n;
}

/** The upper bound: 2^63 and 2^64 are what JSON makes of the largest integers of 64 bits. */
function highest(bound: JsonNumber): bigint {
  if (bound === 2 ** 63) return LARGEST_SIGNED;
  return smaller(toInteger(bound), LARGEST);
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

function smaller(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

/** Choices for positive numbers, by their number of digits. */
function positive(low: bigint, high: bigint): string[] {
  const choices: string[] = [];
  for (let from = low; from <= high;) {
    const digits = String(from).length;
    // All numbers of this and larger numbers of digits, up to `high`.
    let last = digits;
    while (10n ** BigInt(last) - 1n <= high) last++;
    last--;
    if (from === 10n ** BigInt(digits - 1) && last >= digits) {
      choices.push(`[1-9]${last === 1 ? "" : ` [0-9]{${digits - 1},${last - 1}}`}`);
      from = 10n ** BigInt(last);
    } else {
      const to = smaller(high, 10n ** BigInt(digits) - 1n);
      choices.push(sameLength(String(from), String(to)));
      from = to + 1n;
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
