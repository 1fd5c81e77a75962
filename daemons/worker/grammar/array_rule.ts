import type { Limits } from "./object_rule.ts";

/**
 * Writes an array: items that have rules of their own, then any number of others.
 *
 * @param first Expressions of the first items.
 * @param others That of all others; undefined if there are none.
 * @param addRule Adds a rule and returns its name.
 * @returns undefined if no array fits
 */
export function arrayRule(
  first: readonly string[],
  others: string | undefined,
  { min, max }: Limits,
  addRule: (expression: string) => string,
): string | undefined {
  const own = first.slice(0, max);
  const most = others === undefined ? own.length : max;
  if (min > most) return undefined;
  if (most === 0) return '("[" ws "]")';
  if (own.length === 0) {
    const item = addRule(others!);
    const next = addRule(`ws "," ws ${item}`);
    const last = most === Infinity ? "" : most - 1;
    const items = `${item} ${next}{${Math.max(0, min - 1)},${last}} ws`;
    return addRule(`"[" ws ${min > 0 ? items : `(${items})?`} "]"`);
  }
  // From last to first, what follows the items so far.
  let after = "ws";
  if (most > own.length) {
    const next = addRule(`ws "," ws ${addRule(others!)}`);
    const last = most === Infinity ? "" : most - own.length;
    after = `${next}{${Math.max(0, min - own.length)},${last}} ws`;
  }
  for (let index = own.length - 1; index > 0; index--) {
    const longer = `ws "," ws ${own[index]} ${after}`;
    after = addRule(index >= min ? `${longer} | ws` : longer);
  }
  const items = `${own[0]} ${after}`;
  return addRule(`"[" ws ${min > 0 ? items : `(${items})?`} "]"`);
}
