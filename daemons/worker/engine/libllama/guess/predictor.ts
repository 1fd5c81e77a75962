/** Guesses tokens, so that several can be checked in one step. */
export interface Predictor {
  /** Whether guessing takes the engine, so that nothing can be evaluated ahead meanwhile. */
  readonly takesEngine: boolean;
  /**
   * Guesses the tokens that follow, at most `limit`.
   *
   * @param pending Number of last tokens that the model has not evaluated yet.
   */
  guess(
    tokens: readonly number[],
    limit: number,
    pending: number,
  ): readonly number[] | Promise<readonly number[]>;
  /** Called with how many of the guessed tokens were right. */
  learn(guessed: number, right: number): void;
}
