/** The part of an engine that turns tokens into text. */
export interface Decoder {
  /** The text of tokens; U+FFFD at its end may be a character that is not complete yet. */
  detokenize(ids: readonly number[]): string;
  /** The text of a control token; undefined for all others. */
  controlText(id: number): string | undefined;
}

/** Whole characters that a token completes. */
export interface TokenText {
  readonly text: string;
  readonly isControl: boolean;
  /** How many tokens it is the text of; each token belongs to one text, in their order. */
  readonly tokens: number;
}

/** A character has at most four bytes; after this many tokens the bytes are invalid UTF-8. */
const MAX_PARTIAL_TOKENS = 16;
const REPLACEMENT = "\ufffd";

/** Turns tokens, one after the other, into text of whole characters. */
export class TokenTexts {
  readonly #decoder: Decoder;
  #partial: number[] = [];

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  push(id: number): TokenText[] {
    const control = this.#decoder.controlText(id);
    if (control !== undefined) {
      return [this.end(), { text: control, isControl: true, tokens: 1 }];
    }
    this.#partial.push(id);
    const text = this.#decoder.detokenize(this.#partial);
    if (text.endsWith(REPLACEMENT) && this.#partial.length < MAX_PARTIAL_TOKENS) return [];
    const tokens = this.#partial.length;
    this.#partial = [];
    return [{ text, isControl: false, tokens }];
  }

  /** The text of what is left; half a character becomes U+FFFD. */
  end(): TokenText {
    const ids = this.#partial;
    this.#partial = [];
    const text = ids.length === 0 ? "" : this.#decoder.detokenize(ids);
    return { text, isControl: false, tokens: ids.length };
  }
}
