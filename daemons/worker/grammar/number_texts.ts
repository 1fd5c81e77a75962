import { charSet } from "./char_set.ts";
import type { Dfa, Edge } from "./dfa.ts";
import type { JsonNumber } from "./exact_json.ts";
import { integerRange } from "./integer_range.ts";

/** Bounds of a number; -Infinity and Infinity mean none. */
export interface Bounds {
  readonly min: JsonNumber;
  readonly isMinOpen: boolean;
  readonly max: JsonNumber;
  readonly isMaxOpen: boolean;
}

/** Most digits after the point. */
const MAX_DECIMALS = 16;
/** Bounds beyond this are treated as this: numbers are written without exponent. */
const FAR = 1e18;

/**
 * A regular expression of the numbers between bounds, written without exponent, with at most 16
 * digits after the point.
 *
 * @returns undefined if there is no such number, or the bounds cannot be written out in digits
 */
export function numberPattern({ min, isMinOpen, max, isMaxOpen }: Bounds): string | undefined {
  const isOpen = { min: isMinOpen && min > -FAR, max: isMaxOpen && max < FAR };
  const low = decimalOf(min < -FAR ? -FAR : min);
  const high = decimalOf(max > FAR ? FAR : max);
  if (!low || !high) return undefined;
  const choices: string[] = [];
  if (max > 0 || max == 0 && !isOpen.max) {
    const from = min < 0 ? { ...ZERO, isOpen: false } : { ...low, isOpen: isOpen.min };
    choices.push(...between(from, { ...high, isOpen: isOpen.max }));
  }
  if (min < 0) {
    const to = max >= 0 ? { ...ZERO, isOpen: true } : { ...high, isOpen: isOpen.max };
    const negative = between(to, { ...low, isOpen: isOpen.min });
    choices.push(...negative.map((choice) => `-${choice}`));
  }
  return choices.length === 0 ? undefined : `^(${choices.join("|")})$`;
}

/** A number without its sign, in digits. */
interface Decimal {
  readonly whole: bigint;
  readonly decimals: string;
}
interface Bound extends Decimal {
  readonly isOpen: boolean;
}
const ZERO: Decimal = { whole: 0n, decimals: "" };

function decimalOf(signed: JsonNumber): Decimal | undefined {
  const value = signed < 0 ? -signed : signed;
  const text = value >= 1e16 ? String(BigInt(value)) : String(value);
  const small = /^(\d)(?:\.(\d+))?e-(\d+)$/.exec(text);
  const plain = small ? `0.${"0".repeat(Number(small[3]) - 1)}${small[1]}${small[2] ?? ""}` : text;
  const [whole = "", decimals = ""] = plain.split(".");
  return decimals.length > MAX_DECIMALS ? undefined : { whole: BigInt(whole), decimals };
}

/** Choices for the numbers between bounds from 0. */
function between(low: Bound, high: Bound): string[] {
  if (low.whole > high.whole) return [];
  if (low.whole === high.whole) {
    const decimals = decimalsBetween(low, high);
    return decimals === undefined ? [] : [`${low.whole}${decimals}`];
  }
  const choices: string[] = [];
  const first = decimalsBetween(low, undefined);
  if (first !== undefined) choices.push(`${low.whole}${first}`);
  const inner = wholeNumbers(low.whole + 1n, high.whole - 1n);
  if (inner !== undefined) choices.push(`${inner}(\\.[0-9]{1,${MAX_DECIMALS}})?`);
  const last = decimalsBetween(undefined, high);
  if (last !== undefined) choices.push(`${high.whole}${last}`);
  return choices;
}

function wholeNumbers(low: bigint, high: bigint): string | undefined {
  return low > high ? undefined : integerPattern(low, high);
}

/** A regular expression of the integers between bounds. */
export function integerPattern(min: JsonNumber, max: JsonNumber): string | undefined {
  // The grammar has nothing that a regular expression has not, but for quotes and spaces.
  return integerRange(min, max)?.replace(/[" ]/g, "");
}

/**
 * A regular expression of this module as an expression for any position in a rule. It may be read
 * in a few ways at a time, and is far shorter than an automaton's rules.
 */
export function numberExpression(pattern: string): string {
  return pattern.replace(/\[[^\]]*\]|\{[^}]*\}|\\\.|[0-9-]|\((?=\|)|[\^$|]/g, (found) => {
    switch (found[0]) {
      case "[":
        return ` ${found}`;
      case "{":
        return found;
      case "\\":
        return ' "."';
      case "(":
        return '("" ';
      case "^":
      case "$":
        return "";
      case "|":
        return " | ";
      default:
        return ` "${found}"`;
    }
  });
}

/** What may follow the whole number: nothing, or a point and digits; undefined if nothing fits. */
function decimalsBetween(low: Bound | undefined, high: Bound | undefined): string | undefined {
  const choices: string[] = [];
  const isNoneAllowed = (!low || low.decimals === "" && !low.isOpen) &&
    (!high || high.decimals !== "" || !high.isOpen);
  if (isNoneAllowed) choices.push("");
  const digits = digitsBetween(
    low && { digits: low.decimals, isOpen: low.isOpen },
    high && { digits: high.decimals, isOpen: high.isOpen },
    MAX_DECIMALS,
  );
  if (digits !== undefined) choices.push(`\\.${digits}`);
  if (choices.length === 0) return undefined;
  return `(${choices.join("|")})`;
}

interface Digits {
  readonly digits: string;
  readonly isOpen: boolean;
}

/**
 * One to `left` digits after the point that lie between bounds; those of a bound are followed by
 * zeros.
 */
function digitsBetween(
  low: Digits | undefined,
  high: Digits | undefined,
  left: number,
): string | undefined {
  if (left === 0) return undefined;
  // Zeros are followed by anything that is no less, and by nothing that is no more.
  if (low?.digits === "" && !low.isOpen) return digitsBetween(undefined, high, left);
  if (high?.digits === "") return low || high.isOpen ? undefined : `0{1,${left}}`;
  if (!low && !high) return `[0-9]{1,${left}}`;
  if (low?.digits === "" && !high) return `0{0,${left - 1}}[1-9][0-9]{0,${left - 1}}`;
  const from = low ? Number(low.digits[0] ?? 0) : 0;
  const to = high ? Number(high.digits[0] ?? 0) : 9;
  const choices: string[] = [];
  for (let digit = from; digit <= to; digit++) {
    const nextLow = low && digit === from ? rest(low) : undefined;
    const nextHigh = high && digit === to ? rest(high) : undefined;
    const mayEnd = (!nextLow || nextLow.digits === "" && !nextLow.isOpen) &&
      (!nextHigh || nextHigh.digits !== "" || !nextHigh.isOpen);
    const more = digitsBetween(nextLow, nextHigh, left - 1);
    if (!nextLow && !nextHigh) {
      // All digits between the bounds' own go on alike.
      const last = high ? to - 1 : to;
      choices.push(`[${digit}-${last}]${more === undefined ? "" : `(${more})?`}`);
      digit = last;
    } else if (more === undefined) {
      if (mayEnd) choices.push(String(digit));
    } else choices.push(`${digit}(${more})${mayEnd ? "?" : ""}`);
  }
  return choices.length === 0 ? undefined : `(${choices.join("|")})`;
}

/** The bound for the next digit; trailing zeros are none. */
function rest({ digits, isOpen }: Digits): Digits {
  return { digits: digits.slice(1), isOpen };
}

/** Most remainders that an automaton has states for. */
const MAX_REMAINDERS = 2_000;

/**
 * An automaton of the multiples of a number, written without exponent; undefined if it would be too
 * large.
 */
export function multiplesOf(step: JsonNumber): Dfa | undefined {
  const decimal = step > 0 ? decimalOf(step) : undefined;
  if (!decimal) return undefined;
  const { whole, decimals } = decimal;
  const scaled = whole * 10n ** BigInt(decimals.length) + BigInt(decimals || "0");
  const places = decimals.length;
  if (scaled * BigInt(places + 2) > BigInt(MAX_REMAINDERS)) return undefined;
  const modulus = Number(scaled);
  // States: the beginning, after the sign, after a leading zero, then one for each remainder before
  // the point, and for each remainder and number of digits after it, and one for zeros behind all.
  const before = (remainder: number) => 3 + remainder;
  const after = (count: number, remainder: number) => 3 + modulus * (1 + count) + remainder;
  const scale = (count: number) => 10 ** (places - count) % modulus;
  const isWhole = (remainder: number, count: number) => remainder * scale(count) % modulus === 0;
  const digit = (value: number): Edge["set"] => [[0x30 + value, 0x30 + value]];
  const point: Edge["set"] = [[0x2e, 0x2e]];
  const digits = (from: number, to: (value: number) => number): Edge[] => {
    const values = Array.from({ length: 10 - from }, (_, at) => at + from);
    // Digits that lead to the same remainder are one edge.
    return [...Map.groupBy(values, to)].map(([target, same]) => ({
      set: charSet(same.flatMap(digit)),
      to: target,
    }));
  };
  const first = [{ set: digit(0), to: 2 }, ...digits(1, (value) => before(value % modulus))];
  const states: Dfa[number][] = [
    { accepts: false, edges: [{ set: [[0x2d, 0x2d]], to: 1 }, ...first] },
    { accepts: false, edges: first },
    { accepts: true, edges: [{ set: point, to: after(0, 0) }] },
  ];
  for (let remainder = 0; remainder < modulus; remainder++) {
    states.push({
      accepts: isWhole(remainder, 0),
      edges: [
        ...digits(0, (value) => before((remainder * 10 + value) % modulus)),
        { set: point, to: after(0, remainder) },
      ],
    });
  }
  for (let count = 0; count <= places; count++) {
    for (let remainder = 0; remainder < modulus; remainder++) {
      states.push({
        accepts: count > 0 && isWhole(remainder, count),
        edges: count < places
          ? digits(0, (value) => after(count + 1, (remainder * 10 + value) % modulus))
          : isWhole(remainder, count)
          ? [{ set: digit(0), to: after(places + 1, 0) }]
          : [],
      });
    }
  }
  states.push({ accepts: true, edges: [{ set: digit(0), to: after(places + 1, 0) }] });
  return states;
}
