/** A step of the loop that has ended. */
export interface PacedStep {
  /** Sequences that generated in it. */
  readonly generating: number;
  /** Prompt tokens that were evaluated in it. */
  readonly prefilled: number;
  readonly ms: number;
}

/** Prompt tokens beside sequences that generate, while nothing is known yet. */
const FIRST_CHUNK = 32;
/**
 * Matrices are multiplied some rows at a time: steps of a multiple of 4 tokens take no longer than those
 * a little smaller, and on processors with wide registers 16 tokens no longer than 12.
 */
const TILE = 4;
const AS_QUICK_AS_16 = 12;
/** Fewer would evaluate a prompt hardly faster than tokens are generated. */
const LEAST_CHUNK = 4;
/** Weight of the newest step in an average. */
const NEWEST = 0.2;

/**
 * How many prompt tokens a step takes beside sequences that generate: as many as stretch it to a
 * given multiple of a step without, by what steps were measured to take on this machine, with this
 * model. What suits a processor would leave a GPU idle, and the reverse would make streams stall.
 */
export class PrefillPace {
  readonly #stretch: number;
  /** Duration of a step without prompt tokens, by how many sequences generate, in ms. */
  readonly #quiet = new Map<number, number>();
  /** What a prompt token adds to a step, in ms. */
  #perToken: number | undefined;

  /** @param stretch How many times as long as without prompt tokens a step may take; above 1. */
  constructor(stretch: number) {
    this.#stretch = stretch;
  }

  /** Learns from a step. */
  observe({ generating, prefilled, ms }: PacedStep): void {
    if (prefilled === 0) {
      this.#quiet.set(generating, average(this.#quiet.get(generating), ms));
      return;
    }
    const without = generating === 0 ? 0 : this.#quietMs(generating) ?? 0;
    this.#perToken = average(this.#perToken, Math.max(0, ms - without) / prefilled);
  }

  /** Prompt tokens for the next step, all together. */
  chunk(generating: number): number {
    const quiet = this.#quietMs(generating);
    if (quiet === undefined || !this.#perToken) return FIRST_CHUNK;
    const room = Math.max(LEAST_CHUNK, Math.floor((this.#stretch - 1) * quiet / this.#perToken));
    const tiles = Math.ceil((generating + room) / TILE) * TILE;
    return (tiles === AS_QUICK_AS_16 ? 16 : tiles) - generating;
  }

  /** Of the nearest number of sequences that was measured. */
  #quietMs(generating: number): number | undefined {
    const distance = (count: number) => Math.abs(count - generating);
    const [nearest] = [...this.#quiet.keys()].sort((a, b) => distance(a) - distance(b));
    return nearest === undefined ? undefined : this.#quiet.get(nearest);
  }
}

function average(before: number | undefined, newest: number): number {
  return before === undefined ? newest : (1 - NEWEST) * before + NEWEST * newest;
}
