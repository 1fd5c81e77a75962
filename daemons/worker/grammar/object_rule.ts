/** A property of an object, with its value. */
export interface Pair {
  /** An expression for name and value. */
  readonly pair: string;
  readonly isRequired: boolean;
}

/** How many there may be; `max` may be Infinity. */
export interface Limits {
  readonly min: number;
  readonly max: number;
}

/** Most rules for counting the properties of one object. */
const MAX_COUNTS = 4_000;

/**
 * Writes an object: pairs in order, each optional one there or not, then others.
 *
 * @param more An expression for another pair, of which there may be any number.
 * @param addRule Adds a rule and returns its name.
 * @returns undefined if no object fits; "too large" if counting takes too many rules
 */
export function objectRule(
  pairs: readonly Pair[],
  more: string | undefined,
  limits: Limits,
  addRule: (expression: string) => string,
): string | undefined {
  const needed = pairs.filter(({ isRequired }) => isRequired).length;
  const min = limits.min <= needed ? 0 : limits.min;
  const max = more === undefined && limits.max >= pairs.length ? Infinity : limits.max;
  if (needed > max || more === undefined && min > pairs.length) return undefined;
  // Counts from here on are alike.
  const most = max === Infinity ? Math.max(1, min) : max;
  if (most > 1 && pairs.length * (most + 1) > MAX_COUNTS) return "too large";
  const counts = countsBefore(pairs, most, max);
  // From last to first: for each count of pairs so far, what may follow.
  let after = new Map<number, string | undefined>();
  for (const count of counts.at(-1)!) {
    after.set(count, othersAfter(count, more, min - count, max - count));
  }
  for (let index = pairs.length - 1; index >= 0; index--) {
    const { isRequired } = pairs[index]!;
    // What is written once needs no rule.
    const isOnce = counts[index]!.size === 1;
    const pair = isOnce ? pairs[index]!.pair : addRule(pairs[index]!.pair);
    const next = new Map<number, string>();
    for (const [count, rest] of after) {
      if (rest !== undefined) next.set(count, isOnce && isRequired ? rest : addRule(rest));
    }
    after = new Map();
    for (const count of counts[index]!) {
      const rest = count < max ? next.get(Math.min(count + 1, most)) : undefined;
      const comma = count === 0 ? "" : 'ws "," ws ';
      const taken = rest === undefined ? undefined : `${comma}${pair} ${rest}`;
      const skipped = isRequired ? undefined : next.get(count);
      after.set(
        count,
        taken !== undefined && skipped !== undefined ? `(${taken} | ${skipped})` : taken ?? skipped,
      );
    }
  }
  const all = after.get(0);
  return all === undefined ? undefined : addRule(`"{" ws ${all} "}"`);
}

/** For each pair, and for the end, how many pairs there may be before it. */
function countsBefore(pairs: readonly Pair[], most: number, max: number): ReadonlySet<number>[] {
  const counts = [new Set([0])];
  for (const { isRequired } of pairs) {
    const next = new Set<number>();
    for (const count of counts.at(-1)!) {
      if (!isRequired) next.add(count);
      if (count < max) next.add(Math.min(count + 1, most));
    }
    counts.push(next);
  }
  return counts;
}

/** What may follow the last declared pair, before the closing bracket. */
function othersAfter(
  count: number,
  more: string | undefined,
  min: number,
  max: number,
): string | undefined {
  const end = count === 0 ? '""' : "ws";
  if (more === undefined || max <= 0) return min > 0 ? undefined : end;
  const least = Math.max(0, min);
  const times = (from: number) =>
    max === Infinity ? from === 0 ? "*" : `{${from},}` : `{${from},${count === 0 ? max - 1 : max}}`;
  if (count > 0) return `(ws "," ws ${more})${times(least)} ws`;
  const some = `${more} (ws "," ws ${more})${times(Math.max(0, least - 1))} ws`;
  return least > 0 ? some : `(${some})?`;
}
