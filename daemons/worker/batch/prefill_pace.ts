/** A completed step of the loop. */
export interface PacedStep {
  /** Sequences that generated. */
  readonly generating: number;
  /** Prompt tokens that were evaluated. */
  readonly prefilled: number;
  readonly ms: number;
}

/** Prompt tokens of a step with generating sequences, before anything was measured. */
const FIRST_CHUNK = 32;
/**
 * Matrices are multiplied several rows at a time: a step whose tokens are a multiple of 4 takes no
 * longer than a slightly smaller one, and on processors with wide registers 16 tokens take no
 * longer than 12.
 */
const TILE = 4;
const AS_QUICK_AS_16 = 12;
/** With fewer tokens, a prompt would be evaluated hardly faster than tokens are generated. */
const LEAST_CHUNK = 4;
/** Weight of the newest step in the averages. */
const NEWEST = 0.2;

/**
 * Decides how many prompt tokens a step evaluates while other sequences generate: as many as make
 * it a given number of times longer than a step without prompt tokens. It uses measured durations,
 * since a number that suits a CPU would leave a GPU idle, and the reverse would make streams stall.
 */
export class PrefillPace {
  readonly #stretch: number;
  /** Duration of a step without prompt tokens in ms, by the number of generating sequences. */
  readonly #quiet = new Map<number, number>();
  /** Time that a prompt token adds to a step, in ms. */
  #perToken: number | undefined;

  /** @param stretch How many times longer a step with prompt tokens may take; above 1. */
  constructor(stretch: number) {
    this.#stretch = stretch;
  }

  /** Adds the measurement of a step. */
  observe({ generating, prefilled, ms }: PacedStep): void {
    if (prefilled === 0) {
      this.#quiet.set(generating, average(this.#quiet.get(generating), ms));
      return;
    }
    const without = generating === 0 ? 0 : this.#quietMs(generating) ?? 0;
    this.#perToken = average(this.#perToken, Math.max(0, ms - without) / prefilled);
  }

  /** Prompt tokens of the next step, for all sequences together. */
  chunk(generating: number): number {
    const quiet = this.#quietMs(generating);
    if (quiet === undefined || !this.#perToken) return FIRST_CHUNK;
    const room = Math.max(LEAST_CHUNK, Math.floor((this.#stretch - 1) * quiet / this.#perToken));
    const tiles = Math.ceil((generating + room) / TILE) * TILE;
    return (tiles === AS_QUICK_AS_16 ? 16 : tiles) - generating;
  }

  /** Duration of a step without prompt tokens, for the nearest measured number of sequences. */
  #quietMs(generating: number): number | undefined {
    const distance = (count: number) => Math.abs(count - generating);
    const [nearest] = [...this.#quiet.keys()].sort((a, b) => distance(a) - distance(b));
    return nearest === undefined ? undefined : this.#quiet.get(nearest);
  }
}

function average(before: number | undefined, newest: number): number {
  return before === undefined ? newest : (1 - NEWEST) * before + NEWEST * newest;
}
