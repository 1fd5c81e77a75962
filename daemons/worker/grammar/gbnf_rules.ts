import { type Gbnf, type GbnfItem, type GbnfRule, type Reading, sizeOfReading } from "./gbnf.ts";
import { atOnce } from "./in_turns.ts";

/** An element of a sequence: the index of a rule, or something to read. */
export type Element = RuleIndex | Reads;
export type RuleIndex = number;

/** An element that reads something. */
export interface Reads {
  readonly reads: Reading;
}

/** A rule as llama.cpp holds it: groups and repetitions are rules of their own. */
export interface PlainRule {
  /** The rule of the text that it is, or was generated for. */
  readonly of: GbnfRule;
  /** Whether it was generated for a repetition. */
  readonly repeats: boolean;
  readonly choices: readonly (readonly Element[])[];
  /** Number of elements as llama.cpp counts them, including the ends of choices. */
  readonly size: number;
}

/**
 * Converts groups and repetitions to rules as llama.cpp's parser does: `x*` becomes `r ::= x r |`,
 * `x{0,2}` becomes `r ::= x s |` and `s ::= x |`. Depth and size must have been checked before.
 *
 * @returns the rules, `root` first
 */
export function plainRules(grammar: Gbnf): readonly PlainRule[] {
  return atOnce(makingPlainRules(grammar));
}

/** The same as {@linkcode plainRules}; it may be interrupted after each rule. */
export function* makingPlainRules({ rules }: Gbnf): Generator<void, readonly PlainRule[]> {
  const writer = new PlainWriter();
  const root = rules.findLast(({ name }) => name === "root");
  if (root) writer.named("root", root);
  for (const rule of rules) {
    writer.add(rule);
    yield;
  }
  return writer.rules;
}

class PlainWriter {
  readonly rules: PlainRule[] = [];
  readonly #names = new Map<string, RuleIndex>();

  add(rule: GbnfRule): void {
    const index = this.named(rule.name, rule);
    this.#put(index, rule.choices.map((items) => this.#sequence(items, rule)), rule);
  }

  named(name: string, user: GbnfRule): RuleIndex {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    const index = this.#reserve(user);
    this.#names.set(name, index);
    return index;
  }

  #reserve(of: GbnfRule): RuleIndex {
    return this.rules.push({ of, repeats: false, choices: [], size: 0 }) - 1;
  }

  #put(index: RuleIndex, choices: PlainRule["choices"], of: GbnfRule, repeats = false): void {
    this.rules[index] = { of, repeats, choices, size: sizeOf(choices) };
  }

  #sequence(items: readonly GbnfItem[], of: GbnfRule): Element[] {
    return items.flatMap((item) => this.#repeated(this.#once(item, of), item, of));
  }

  #once(item: GbnfItem, of: GbnfRule): Element[] {
    if (item.kind === "reference") return [this.named(item.name!, of)];
    if (item.kind === "text") return item.reads!.map((reads) => ({ reads }));
    const [only] = item.choices!;
    // In a repeated repetition, llama.cpp repeats the elements that the inner one generated.
    if (item.isRepetition) return this.#sequence(only!, of);
    const index = this.#reserve(of);
    this.#put(index, item.choices!.map((each) => this.#sequence(each, of)), of);
    return [index];
  }

  #repeated(once: readonly Element[], { min, max }: GbnfItem, of: GbnfRule): readonly Element[] {
    if (min === 1 && max === 1) return once;
    const all = Array.from({ length: min }, () => once).flat();
    const isEndless = max === Infinity;
    let last: RuleIndex | undefined;
    for (let left = isEndless ? 1 : max - min; left > 0; left--) {
      const index = this.#reserve(of);
      const next = isEndless ? index : last;
      this.#put(index, [next === undefined ? once : [...once, next], []], of, true);
      last = index;
    }
    return last === undefined ? all : [...all, last];
  }
}

function sizeOf(choices: readonly (readonly Element[])[]): number {
  let size = choices.length;
  for (const elements of choices) {
    for (const element of elements) {
      size += typeof element === "number" ? 1 : sizeOfReading(element.reads);
    }
  }
  return size;
}
