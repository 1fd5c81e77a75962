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

/** The end of an answer: its length, and the share of answers that go on beyond it. */
interface End {
  readonly tokens: number;
  readonly share: number;
}

/** Ends of answers in the order of their lengths. */
function endsOf(sorted: readonly Answer[]): End[] {
  const assumed = sorted.length < ENOUGH ? 1 : 0;
  const ends: End[] = [];
  let share = 1;
  for (const [index, { tokens, isCut }] of sorted.entries()) {
    if (isCut) continue;
    share *= 1 - 1 / (sorted.length - index + assumed);
    ends.push({ tokens, share });
  }
  return ends;
}

/**
 * How long a model's answers are. An answer that reached its `max_tokens` says only that it would have been
 * longer, so the share of answers that go on beyond a length is Kaplan's and Meier's estimate. From it
 * follows how many tokens an answer will still have, given what it has and its bound.
 */
export class Lengths {
  /** In the order of their ends. */
  readonly #answers: Answer[] = [];
  /** The same, in the order of their lengths; of those that are equal, cut ones last. */
  readonly #sorted: Answer[] = [];
  /** What follows from them; undefined: not computed yet. */
  #known: readonly End[] | undefined = [];

  /** Notes an answer that has ended. */
  note(tokens: number, isCut: boolean): void {
    const answer = { tokens, isCut };
    this.#answers.push(answer);
    const after = this.#sorted.findLastIndex((each) =>
      each.tokens < tokens || each.tokens === tokens && (isCut || !each.isCut)
    );
    this.#sorted.splice(after + 1, 0, answer);
    if (this.#answers.length > REMEMBERED) {
      this.#sorted.splice(this.#sorted.indexOf(this.#answers.shift()!), 1);
    }
    this.#known = undefined;
  }

  get #ends(): readonly End[] {
    return this.#known ??= endsOf(this.#sorted);
  }

  /**
   * Tokens that an answer will still have.
   *
   * @param has Tokens that it has.
   * @param most Its bound; undefined for none.
   */
  left(has: number, most: number | undefined): Expected {
    const ends = this.#ends;
    const bound = Math.max(0, (most ?? this.#boundFor(has)) - has);
    const first = ends.findIndex(({ tokens }) => tokens > has);
    const reached = first === -1 ? ends.at(-1)?.share ?? 1 : ends[first - 1]?.share ?? 1;
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
    for (const end of first === -1 ? [] : ends.slice(first)) {
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
