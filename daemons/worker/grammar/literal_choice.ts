/** Fewer texts stand beside each other as they are. */
const FEW = 32;

/** A text as a GBNF literal. */
export function literal(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** Groups are nested no deeper than this: what follows stands side by side. */
const MAX_LEVEL = 40;

/**
 * One of several texts as a GBNF expression. Many are written as a tree of their common beginnings:
 * llama.cpp tries each way to go on with each token of its vocabulary, and twenty thousand ways side by
 * side would keep all streams of a worker waiting for seconds.
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

/** @param texts Different ones, as characters. */
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

/** So many characters begin all of them. */
function sharedLength([first = [], ...others]: readonly (readonly string[])[]): number {
  let length = first.length;
  for (const other of others) {
    let same = 0;
    while (same < length && same < other.length && other[same] === first[same]) same++;
    length = same;
  }
  return length;
}
