/** Measurements of one size that count, at most. */
const LAST = 8;

/** Copies of one size before which nothing is known: the first ones touch new memory and compile code. */
const FIRST = 3;

/** What nothing has confirmed for so long is not known any more, so that no copy is refused for ever; in ms. */
const KNOWN_MS = 60_000;

interface Measured {
  readonly msPerToken: number;
  /** In ms of the process's clock. */
  readonly at: number;
}

/**
 * How long copies of states take, learned from measurements. Since a part of that does not depend on the
 * number of tokens, a copy says nothing of ones that are twice as long or half as long; and since a copy can
 * only be held up, the shortest time counts.
 */
export class CopyCost {
  /** By the binary logarithm of the number of tokens. */
  readonly #measured = new Map<number, Measured[]>();

  /** Adds a copy that took `ms`. */
  learn(tokens: number, ms: number, now: number): void {
    const size = sizeOf(tokens);
    const before = this.#known(size, now);
    this.#measured.set(size, [...before, { msPerToken: ms / tokens, at: now }].slice(-LAST));
  }

  /** Time of a copy in ms; undefined where too few of about this size were measured lately. */
  of(tokens: number, now: number): number | undefined {
    const known = this.#known(sizeOf(tokens), now);
    if (known.length < FIRST) return undefined;
    return tokens * Math.min(...known.map(({ msPerToken }) => msPerToken));
  }

  #known(size: number, now: number): Measured[] {
    return (this.#measured.get(size) ?? []).filter(({ at }) => now - at < KNOWN_MS);
  }
}

function sizeOf(tokens: number): number {
  return Math.floor(Math.log2(tokens));
}
