import { GuessLength } from "./guess_length.ts";
import type { Predictor } from "./predictor.ts";

/** Lengths of endings that are looked up, longest first. */
const ENDINGS = [4, 3, 2];

/**
 * Finds an earlier occurrence of the text's ending and returns the tokens that followed it; empty
 * if there is none. If they reach the end of the text, they repeat.
 *
 * @param limit Number of tokens to return.
 */
export function lookUp(tokens: readonly number[], limit: number): number[] {
  const length = tokens.length;
  for (const size of ENDINGS) {
    for (let at = length - size - 1; at >= 0; at--) {
      let same = 0;
      while (same < size && tokens[at + same] === tokens[length - size + same]) same++;
      if (same < size) continue;
      const guess: number[] = [];
      for (let next = at + size; guess.length < limit; next++) {
        guess.push(tokens[next] ?? guess[next - length]!);
      }
      return guess;
    }
  }
  return [];
}

/** Guesses from the text so far, which works for edited code, JSON and quotes. */
export class LookupPredictor implements Predictor {
  readonly takesEngine = false;
  readonly #length: GuessLength;

  constructor(most: number) {
    this.#length = new GuessLength(most);
  }

  guess(tokens: readonly number[], limit: number): readonly number[] {
    return lookUp(tokens, Math.min(limit, this.#length.length));
  }

  learn(guessed: number, right: number): void {
    this.#length.learn(guessed, right);
  }
}
