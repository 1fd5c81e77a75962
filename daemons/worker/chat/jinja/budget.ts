import { TemplateError, TooManySteps } from "#shared/jinja/errors.ts";

/** Limits of one rendering. */
export interface Limits {
  /** Most steps: nodes that are evaluated, items that are visited, and each 16 characters of text. */
  readonly steps: number;
  /** Most characters of the output, and of any text that is made on the way. */
  readonly characters: number;
  /** Most nested nodes, with those of the macros that are being called. */
  readonly depth: number;
}

export const DEFAULT_LIMITS: Limits = {
  steps: 10_000_000,
  characters: 16 * 1024 * 1024,
  depth: 1_000,
};

/** Steps after which it is time to see whether others wait. */
export const STEPS_OF_A_TURN = 4_096;

/** Most steps that cannot be interrupted: one expression takes them in less than 0.1 s. */
export const MOST_AT_ONCE = 1_000_000;

/** Most bits of an integer. */
const MOST_BITS = 4_096;
const LARGEST = 1n << BigInt(MOST_BITS);

/** What one rendering has used. All of its work is counted here before it is done. */
export class Budget {
  readonly #limits: Limits;
  #steps = 0;
  /** Steps at the beginning of this turn. */
  #turnBegan = 0;
  /** Nested works that cannot be interrupted. */
  #holds = 0;
  #depth = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get steps(): number {
    return this.#steps;
  }

  /** @throws {TemplateError} when the steps are used up */
  step(count = 1): void {
    this.#steps += count;
    if (this.#steps > this.#limits.steps) {
      throw new TooManySteps(`The template takes more than ${this.#limits.steps} steps`);
    }
    if (this.#steps - this.#turnBegan > MOST_AT_ONCE) {
      throw new TooManySteps(`The template takes more than ${MOST_AT_ONCE} steps at once`);
    }
  }

  /** Whether enough was done that others get their turn; then the next one begins. */
  isTurnOver(): boolean {
    if (this.#holds > 0 || this.#steps - this.#turnBegan < STEPS_OF_A_TURN) return false;
    this.#turnBegan = this.#steps;
    return true;
  }

  /** Does work that cannot be interrupted. */
  held<T>(work: () => T): T {
    this.#holds++;
    const result = work();
    this.#holds--;
    return result;
  }

  /** Counts work on a text of this length that exists. */
  read(length: number): void {
    this.step(1 + (length >> 4));
  }

  /** Counts a text of this length that will be made. */
  write(length: number): void {
    this.fits(length);
    this.step(1 + Math.ceil(length / 16));
  }

  /** Checks the length of a text that is put together of existing ones, which costs no memory. */
  fits(length: number): void {
    if (length > this.#limits.characters) {
      throw new TemplateError(
        `The template makes a text of more than ${this.#limits.characters} characters`,
      );
    }
  }

  /** Counts one more nested node; `leave` ends it. */
  enter(): void {
    if (++this.#depth > this.#limits.depth) {
      throw new TemplateError(`The template nests more than ${this.#limits.depth} levels`);
    }
    this.step();
  }

  leave(): void {
    this.#depth--;
  }

  /** Checks an integer's size. */
  integer(value: bigint): bigint {
    if (value > LARGEST || value < -LARGEST) {
      throw new TemplateError(`The template computes an integer of more than ${MOST_BITS} bits`);
    }
    return value;
  }

  /** `base ** exponent` for an exponent that is not negative. */
  power(base: bigint, exponent: bigint): bigint {
    const bits = BigInt((base < 0n ? -base : base).toString(2).length);
    const isSmall = base >= -1n && base <= 1n;
    if (!isSmall && (bits - 1n) * exponent > BigInt(MOST_BITS)) this.integer(LARGEST + 1n);
    return this.integer(base ** (isSmall ? exponent % 2n + (exponent > 0n ? 2n : 0n) : exponent));
  }
}
