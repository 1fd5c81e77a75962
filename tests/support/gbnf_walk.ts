import { type CharClass, readGbnf, type Reading } from "../../daemons/worker/grammar/gbnf.ts";
import {
  type Element,
  type PlainRule,
  plainRules,
} from "../../daemons/worker/grammar/gbnf_rules.ts";

/** Characters that a walk takes where a class has them: letters, space, and those of marks and JSON. */
const USUAL = [...'ab0 \n<>"\\{}[]|/=,:.']
  .map((char) => char.codePointAt(0)!);

/** Texts that a grammar accepts. */
export class GbnfWalk {
  readonly #rules: readonly PlainRule[];
  /** Length of each rule's shortest text, in characters. */
  readonly #shortest: number[];

  /** @param text Has no elements that read whole tokens. */
  constructor(text: string) {
    this.#rules = plainRules(readGbnf(text));
    this.#shortest = this.#rules.map(() => Infinity);
    for (let changed = true; changed;) {
      changed = false;
      for (const [index, { choices }] of this.#rules.entries()) {
        const length = Math.min(...choices.map((choice) => this.#length(choice)));
        if (length >= this.#shortest[index]!) continue;
        this.#shortest[index] = length;
        changed = true;
      }
    }
  }

  /** The shortest text. */
  shortest(): string {
    return this.#walk(0, () => 0);
  }

  /**
   * A text at random.
   *
   * @param random From 0 to below 1.
   * @param freely Number of choices after which each is the shortest.
   */
  random(random: () => number, freely: number): string {
    return this.#walk(freely, random);
  }

  #walk(freely: number, random: () => number): string {
    let text = "";
    let left = freely;
    const open: Element[] = [0];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (typeof next === "number") {
        const { choices } = this.#rules[next]!;
        const choice = left-- > 0 ? pick(choices, random) : this.#shortestOf(choices);
        open.push(...choice.toReversed());
      } else text += String.fromCodePoint(character(next.reads, random));
    }
    return text;
  }

  #shortestOf(choices: PlainRule["choices"]): readonly Element[] {
    return choices.reduce((best, choice) =>
      this.#length(choice) < this.#length(best) ? choice : best
    );
  }

  #length(choice: readonly Element[]): number {
    return choice.reduce<number>(
      (sum, each) => sum + (typeof each === "number" ? this.#shortest[each]! : 1),
      0,
    );
  }
}

function character(reads: Reading, random: () => number): number {
  if (typeof reads === "number") return reads;
  if (reads === "token") throw new TypeError("Tokens have no text here");
  const usual = USUAL.filter((code) => has(reads, code));
  return usual.length > 0 ? pick(usual, random) : reads.ranges[0]![0];
}

function has({ not, ranges }: CharClass, code: number): boolean {
  return ranges.some(([from, to]) => from <= code && code <= to) !== not;
}

function pick<T>(values: readonly T[], random: () => number): T {
  return values[Math.floor(random() * values.length)]!;
}
