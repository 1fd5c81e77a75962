import { GuessLength } from "./guess_length.ts";
import type { Predictor } from "./predictor.ts";

/**
 * Drafts tokens with layers of the model itself.
 *
 * @param token The last token, which the model has not evaluated yet.
 * @param position Its position.
 */
export type DraftTokens = (
  token: number,
  position: number,
  count: number,
) => Promise<readonly number[]>;

/** Guesses with the layers of a model that predict tokens after the next one. */
export class OwnLayersPredictor implements Predictor {
  readonly takesEngine = true;
  readonly #draft: DraftTokens;
  readonly #length: GuessLength;

  constructor(draft: DraftTokens, most: number) {
    this.#draft = draft;
    this.#length = new GuessLength(most);
  }

  guess(
    tokens: readonly number[],
    limit: number,
    pending: number,
  ): readonly number[] | Promise<readonly number[]> {
    // They go on from what the model found out about the token before.
    if (pending !== 1 || tokens.length < 2) return [];
    const position = tokens.length - 1;
    return this.#draft(tokens[position]!, position, Math.min(limit, this.#length.length));
  }

  learn(guessed: number, right: number): void {
    this.#length.learn(guessed, right);
  }
}
