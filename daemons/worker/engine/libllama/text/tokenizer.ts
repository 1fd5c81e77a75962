import { delay } from "#shared/lifecycle.ts";
import type { TokensSeen } from "../../../chat/tokenizer.ts";
import { PIECE_LENGTH, type RawTokenizer, tokensInPieces } from "./pieces.ts";

/** A text whose tokens never join with those of the text that follows it. */
const BREAK = "a\n";
const TWO_SPACES = /\s\s/;
const BETWEEN_SPACES = /(?<=\s)(?=\s)/;

/** A model's vocabulary, as llama.cpp reads texts with it. */
export interface TextVocabulary extends RawTokenizer {
  /** Whether its tokens are made by byte-pair encoding, with a regular expression before it. */
  readonly isBytePair: boolean;
  /** Whether it puts a space before a text. */
  readonly isSentencePiece: boolean;
  /** Whether spaces separate words and are not a part of tokens. */
  readonly isWordwise: boolean;
}

/** Converts text to a model's tokens; long texts in pieces if the result is the same. */
export class LlamaTokenizer {
  readonly #model: TextVocabulary;
  readonly #most: number;

  /** @param most Most characters that llama.cpp can tokenize at once. */
  constructor(model: TextVocabulary, most: number) {
    this.#model = model;
    this.#most = most;
  }

  /**
   * Whether a text is tokenized in pieces. Only byte-pair tokenizers need it: others have no
   * regular expressions and accept a text of any length.
   */
  inPieces(text: string): boolean {
    if (!this.#model.isBytePair) return false;
    return text.length > PIECE_LENGTH || this.#model.isWordwise && TWO_SPACES.test(text);
  }

  /**
   * @param special Whether the text of control tokens becomes those tokens.
   * @throws {LlorchError} `INVALID_REQUEST` for a text that does not fit into the stack; also
   * errors of `seen`
   */
  async tokenize(text: string, special: boolean, seen?: TokensSeen): Promise<number[]> {
    const model = this.#model;
    if (!this.inPieces(text)) {
      if (seen) await this.#seeBeginnings(text, special, seen);
      return [...model.tokenize(text, special)];
    }
    const tokens: number[] = [];
    // Two spaces in a row fail an assertion of llama.cpp, which ends the process.
    const parts = model.isWordwise ? text.split(BETWEEN_SPACES) : [text];
    let sinceTurn = 0;
    for (const part of parts) {
      for (const piece of tokensInPieces(part, special, model, this.#most)) {
        if (sinceTurn >= PIECE_LENGTH) {
          seen?.(tokens.length);
          await delay(0);
          sinceTurn = 0;
        }
        for (const token of piece) tokens.push(token);
        // Of several parts, each may be short; otherwise a piece has the usual length.
        sinceTurn += parts.length > 1 ? Math.min(part.length, PIECE_LENGTH) : PIECE_LENGTH;
      }
    }
    return tokens;
  }

  /**
   * Tokenizes text that follows other text: SentencePiece puts a space before a text, which must not
   * be in its middle.
   */
  async tokenizeNext(text: string, special: boolean, seen?: TokensSeen): Promise<number[]> {
    if (text === "") return [];
    const alone = await this.tokenize(text, special, seen);
    if (!this.#model.isSentencePiece) return alone;
    const before = this.#model.tokenize(BREAK, special);
    const both = this.#model.tokenize(BREAK + text, special);
    return before.every((token, index) => token === both[index])
      ? both.slice(before.length)
      : alone;
  }

  /** Tokenizes beginnings of a text first, since all of a text that is too long would take long. */
  async #seeBeginnings(text: string, special: boolean, seen: TokensSeen): Promise<void> {
    for (let length = 2 * PIECE_LENGTH; length < text.length; length *= 2) {
      seen(this.#model.tokenize(text.slice(0, length), special).length);
      await delay(0);
    }
  }
}
