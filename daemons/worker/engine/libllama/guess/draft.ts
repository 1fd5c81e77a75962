import type { EngineSequence, Sampling } from "../../engine.ts";
import { GuessLength } from "./guess_length.ts";
import type { Predictor } from "./predictor.ts";

/** Guesses tokens with a draft model. */
export class DraftPredictor implements Predictor {
  readonly takesEngine = true;
  readonly #sequence: EngineSequence;
  readonly #sampling: Sampling;
  readonly #length: GuessLength;

  /** @param sampling Must choose the most probable token. */
  constructor(sequence: EngineSequence, sampling: Sampling, most: number) {
    this.#sequence = sequence;
    this.#sampling = sampling;
    this.#length = new GuessLength(most);
  }

  async guess(tokens: readonly number[], limit: number): Promise<readonly number[]> {
    const shared = this.#sequence.sharedPrefix(tokens, this.#sampling);
    const held = this.#sequence.trim(shared);
    const generation = this.#sequence.generate(tokens.slice(held), this.#sampling);
    const guess: number[] = [];
    try {
      while (guess.length < Math.min(limit, this.#length.length)) {
        for (const { token } of await generation.next()) guess.push(token);
      }
    } finally {
      generation.close();
    }
    return guess;
  }

  learn(guessed: number, right: number): void {
    this.#length.learn(guessed, right);
  }
}
