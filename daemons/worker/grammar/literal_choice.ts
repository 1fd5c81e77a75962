/** Up to this many texts are a plain list of alternatives. */
const FEW = 32;

/** A text as a GBNF literal. */
export function literal(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n")}"`;
}

/** Deepest nesting of groups; deeper levels are plain lists. */
const MAX_LEVEL = 40;

/** A text, as a list of characters, and an expression that follows it. */
interface Choice {
  readonly text: readonly string[];
  readonly after: string;
}

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
  return choiceOf([...new Set(texts)].map((text) => ({ text: [...text], after: "" })));
}

/** The same, with an expression after each text; the texts are the keys. */
export function literalChoiceWith(texts: ReadonlyMap<string, string>): string {
  return choiceOf([...texts].map(([text, after]) => ({ text: [...text], after })));
}

function choiceOf(choices: readonly Choice[]): string {
  return choices.length <= FEW ? list(choices) : tree(choices, 0);
}

function list(choices: readonly Choice[]): string {
  return `(${choices.map(written).join(" | ")})`;
}

function written({ text, after }: Choice): string {
  return after === "" ? literal(text.join("")) : `${literal(text.join(""))} ${after}`;
}

/** @param choices With different texts. */
function tree(choices: readonly Choice[], level: number): string {
  const [first] = choices;
  if (choices.length === 1) return written(first!);
  if (level > MAX_LEVEL) return list(choices);
  const shared = sharedLength(choices);
  const rests = choices.map(({ text, after }) => ({ text: text.slice(shared), after }));
  const byNext = Map.groupBy(rests, ({ text: [next] }) => next);
  const [ended] = byNext.get(undefined) ?? [];
  byNext.delete(undefined);
  const more = [...byNext.values()].map((group) => tree(group, level + 1));
  const rest = ended === undefined || ended.after === ""
    ? `(${more.join(" | ")})${ended ? "?" : ""}`
    : `(${[...more, ended.after].join(" | ")})`;
  return shared === 0 ? rest : `${literal(first!.text.slice(0, shared).join(""))} ${rest}`;
}

/** Length of the common beginning of all texts. */
function sharedLength([first, ...others]: readonly Choice[]): number {
  let length = first?.text.length ?? 0;
  for (const { text } of others) {
    let same = 0;
    while (same < length && same < text.length && text[same] === first!.text[same]) same++;
    length = same;
  }
  return length;
}
