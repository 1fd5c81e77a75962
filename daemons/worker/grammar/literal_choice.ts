/** Up to this many texts are a plain list of alternatives. */
const FEW = 32;

/** A text as a GBNF literal. */
export function literal(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** Deepest nesting of groups; deeper levels are plain lists. */
const MAX_LEVEL = 40;

/**
 * A GBNF expression for one of several texts. Many texts become a tree of their common beginnings:
 * llama.cpp tries each alternative with each token of its vocabulary, and a list of twenty thousand
 * would keep all streams of a worker waiting for seconds.
 *
 * @example
 * ```ts ignore
 * literalChoice(["a1", "a2", …]) // "a" ("1" | "2" | …)
 * ```
 */
export function literalChoice(texts: readonly string[]): string {
  if (texts.length <= FEW) return `(${texts.map(literal).join(" | ")})`;
  return tree([...new Set(texts)].map((text) => [...text]), 0);
}

/** @param texts Different texts, as lists of characters. */
function tree(texts: readonly (readonly string[])[], level: number): string {
  if (texts.length === 1) return literal(texts[0]!.join(""));
  if (level > MAX_LEVEL) return `(${texts.map((text) => literal(text.join(""))).join(" | ")})`;
  const shared = sharedLength(texts);
  const byNext = Map.groupBy(texts.map((text) => text.slice(shared)), ([next]) => next);
  const mayEnd = byNext.delete(undefined);
  const choices = [...byNext.values()].map((group) => tree(group, level + 1));
  const rest = `(${choices.join(" | ")})${mayEnd ? "?" : ""}`;
  return shared === 0 ? rest : `${literal(texts[0]!.slice(0, shared).join(""))} ${rest}`;
}

/** Length of the common beginning of all texts. */
function sharedLength([first = [], ...others]: readonly (readonly string[])[]): number {
  let length = first.length;
  for (const other of others) {
    let same = 0;
    while (same < length && same < other.length && other[same] === first[same]) same++;
    length = same;
  }
  return length;
}
