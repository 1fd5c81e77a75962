/** Guesses at the beginning of a reply. */
const FIRST = 4;
const LEAST = 2;

/** How many tokens to guess at once: more while guesses come true, fewer when they do not. */
export class GuessLength {
  readonly #most: number;
  #length: number;

  /** @param most Never more than this. */
  constructor(most: number) {
    this.#most = most;
    this.#length = Math.min(FIRST, most);
  }

  /** For the next step. */
  get length(): number {
    return this.#length;
  }

  /** Learns how many of those guessed came true. */
  told(guessed: number, right: number): void {
    if (right === guessed && guessed >= this.#length) {
      this.#length = Math.min(this.#most, 2 * this.#length);
    } else if (2 * right < guessed) {
      this.#length = Math.max(Math.min(LEAST, this.#most), Math.floor(this.#length / 2));
    }
  }
}
