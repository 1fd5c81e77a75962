/** Texts with which an answer may begin. */
export interface Beginnings {
  /** Each opens a thought. What a grammar says then holds after it. */
  readonly thoughts: readonly string[];
}

/** The grammar holds from the first token on. */
export const NO_BEGINNINGS: Beginnings = { thoughts: [] };
