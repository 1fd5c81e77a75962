/** Number of tokens to guess at the beginning of a reply. */
const FIRST = 4;
const LEAST = 2;

/** How many tokens to guess at once: more while guesses are right, fewer while they are wrong. */
export class GuessLength {
  readonly #most: number;
  #length: number;

  /** @param most Largest number of tokens. */
  constructor(most: number) {
    this.#most = most;
    this.#length = Math.min(FIRST, most);
  }

  /** Tokens to guess in the next step. */
  get length(): number {
    return this.#length;
  }

  /** Adds a result: how many of the guessed tokens were right. */
  learn(guessed: number, right: number): void {
    if (right === guessed && guessed >= this.#length) {
      this.#length = Math.min(this.#most, 2 * this.#length);
    } else if (2 * right < guessed) {
      this.#length = Math.max(Math.min(LEAST, this.#most), Math.floor(this.#length / 2));
    }
  }
}
