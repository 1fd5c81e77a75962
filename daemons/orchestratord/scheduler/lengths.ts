/** Answers that are remembered. */
const REMEMBERED = 64;

/** Until this many answers are known, one more is assumed that went on to its bound. */
const ENOUGH = 8;

/** An answer longer than every known one goes on for at least this share of what it has. */
const LONGER = 0.25;

/** Tokens that an answer without a bound has before one was seen. */
const USUAL_TOKENS = 256;

/** An amount that is expected, and how far it may be off. */
export interface Expected {
  readonly mean: number;
  readonly variance: number;
}

/** One answer. */
interface Answer {
  readonly tokens: number;
  /** Whether it would have gone on beyond its bound: its own length is not known. */
  readonly isCut: boolean;
}

/**
 * How long a model's answers are. An answer that reached its `max_tokens` says only that it would have been
 * longer, so the share of answers that go on beyond a length is Kaplan's and Meier's estimate. From it
 * follows how many tokens an answer will still have, given what it has and its bound.
 */
export class Lengths {
  readonly #answers: Answer[] = [];
  /** Ends of answers, ascending: their length, and the share of answers that go on beyond it. */
  #ends: { readonly tokens: number; readonly share: number }[] = [];

  /** Notes an answer that has ended. */
  note(tokens: number, isCut: boolean): void {
    this.#answers.push({ tokens, isCut });
    if (this.#answers.length > REMEMBERED) this.#answers.shift();
    const sorted = this.#answers.toSorted((a, b) =>
      a.tokens - b.tokens || Number(a.isCut) - Number(b.isCut)
    );
    const assumed = sorted.length < ENOUGH ? 1 : 0;
    let share = 1;
    this.#ends = [];
    for (const [index, answer] of sorted.entries()) {
      if (answer.isCut) continue;
      share *= 1 - 1 / (sorted.length - index + assumed);
      this.#ends.push({ tokens: answer.tokens, share });
    }
  }

  /**
   * Tokens that an answer will still have.
   *
   * @param has Tokens that it has.
   * @param most Its bound; undefined for none.
   */
  left(has: number, most: number | undefined): Expected {
    const bound = Math.max(0, (most ?? this.#boundFor(has)) - has);
    const first = this.#ends.findIndex(({ tokens }) => tokens > has);
    const reached = first === -1
      ? this.#ends.at(-1)?.share ?? 1
      : this.#ends[first - 1]?.share ?? 1;
    if (reached <= 0) {
      // It is longer than any that is known.
      const mean = Math.min(bound, Math.max(1, has * LONGER));
      return { mean, variance: mean * mean };
    }
    let mean = 0;
    let square = 0;
    let from = 0;
    let share = 1;
    const goOn = (to: number) => {
      mean += share * (to - from);
      square += share * (to * to - from * from);
      from = to;
    };
    for (const end of first === -1 ? [] : this.#ends.slice(first)) {
      if (end.tokens - has >= bound) break;
      goOn(end.tokens - has);
      share = end.share / reached;
    }
    goOn(bound);
    return { mean, variance: Math.max(0, square - mean * mean) };
  }

  /** A bound for an answer that has none. */
  #boundFor(has: number): number {
    return Math.max(this.#ends.at(-1)?.tokens ?? USUAL_TOKENS, has * (1 + LONGER));
  }
}
