/** Most measurements that count for one size. */
const LAST = 8;

/** Fewest measurements of one size: the first copies touch new memory and compile code. */
const FIRST = 3;

/** How long a measurement counts, in ms. Without an end, a slow copy could refuse all later ones. */
const KNOWN_MS = 60_000;

interface Measured {
  readonly msPerToken: number;
  /** In ms of the process's clock. */
  readonly at: number;
}

/**
 * How long copies of states take, learned from measurements. They are kept apart by size, since a part of
 * the time does not depend on the number of tokens. The shortest time counts: other work only adds to it.
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
