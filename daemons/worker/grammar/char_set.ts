/** First and last code point of a range. */
export type CharRange = readonly [from: number, to: number];

/** A set of characters: ranges of code points in order that neither overlap nor touch. */
export type CharSet = readonly CharRange[];

const LAST = 0x10ffff;

/** Every character. */
export const EVERY: CharSet = [[0, LAST]];

/** Makes a set of ranges in any order. */
export function charSet(ranges: readonly CharRange[]): CharSet {
  const sorted = ranges.toSorted(([one], [other]) => one - other);
  const set: [from: number, to: number][] = [];
  for (const [from, to] of sorted) {
    const last = set.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else set.push([from, to]);
  }
  return set;
}

/** The characters of a text. */
export function charsOf(text: string): CharSet {
  return charSet(Array.from(text, (each) => [each.codePointAt(0)!, each.codePointAt(0)!]));
}

/** The characters that are not in a set. */
export function allBut(set: CharSet): CharSet {
  const others: CharRange[] = [];
  let next = 0;
  for (const [from, to] of set) {
    if (from > next) others.push([next, from - 1]);
    next = to + 1;
  }
  if (next <= LAST) others.push([next, LAST]);
  return others;
}

/** The characters that are in both sets. */
export function inBoth(one: CharSet, other: CharSet): CharSet {
  const both: CharRange[] = [];
  let [a, b] = [0, 0];
  while (a < one.length && b < other.length) {
    const from = Math.max(one[a]![0], other[b]![0]);
    const to = Math.min(one[a]![1], other[b]![1]);
    if (from <= to) both.push([from, to]);
    if (one[a]![1] < other[b]![1]) a++;
    else b++;
  }
  return both;
}

/** Whether a set contains a character. */
export function includes(set: CharSet, character: number): boolean {
  let low = 0;
  let high = set.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (set[middle]![1] < character) low = middle + 1;
    else high = middle;
  }
  return low < set.length && set[low]![0] <= character;
}

/** Whether a set contains all characters of another. */
export function covers(set: CharSet, other: CharSet): boolean {
  return inBoth(allBut(set), other).length === 0;
}
