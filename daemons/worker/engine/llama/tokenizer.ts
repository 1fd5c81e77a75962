import type { LlamaModel, Token } from "node-llama-cpp";
import { delay } from "#shared/lifecycle.ts";
import type { TokensSeen } from "../../chat/chat_template.ts";
import { PIECE_LENGTH, tokensInPieces } from "./pieces.ts";

const TWO_SPACES = /\s\s/;
const BETWEEN_SPACES = /(?<=\s)(?=\s)/;

/** Turns text into a model's tokens: long texts in pieces where that makes no difference. */
export class LlamaTokenizer {
  readonly #model: LlamaModel;
  readonly #most: number;

  /** @param most Characters that llama.cpp can be given at once. */
  constructor(model: LlamaModel, most: number) {
    this.#model = model;
    this.#most = most;
  }

  /**
   * Whether a text is read in pieces. Other tokenizers than byte-pair ones have no regular expressions,
   * and take a text of any length at once.
   */
  inPieces(text: string): boolean {
    if (this.#model.vocabularyType !== "bpe") return false;
    return text.length > PIECE_LENGTH || this.#isWordwise && TWO_SPACES.test(text);
  }

  /** Whether spaces stand between words and are no part of any. */
  get #isWordwise(): boolean {
    return this.#model.fileInfo.metadata.tokenizer?.ggml?.pre === "whitespace";
  }

  /**
   * @param special Whether control tokens that are written out become those tokens.
   * @throws {LlorchError} `INVALID_REQUEST` for a text that the stack does not carry, and what `seen`
   * throws.
   */
  async tokenize(text: string, special: boolean, seen?: TokensSeen): Promise<Token[]> {
    const model = this.#model;
    if (!this.inPieces(text)) {
      if (seen) await this.#seeBeginnings(text, special, seen);
      return model.tokenize(text, special);
    }
    const tokens: Token[] = [];
    const raw = {
      tokenize: (piece: string, special: boolean) => model.tokenize(piece, special),
      detokenize: (ids: readonly number[], special: boolean) =>
        model.detokenize(ids as Token[], special),
    };
    // Two spaces in a row are an assertion of llama.cpp that fails, which ends the process.
    const parts = this.#isWordwise ? text.split(BETWEEN_SPACES) : [text];
    let sinceTurn = 0;
    for (const part of parts) {
      for (const piece of tokensInPieces(part, special, raw, this.#most)) {
        if (sinceTurn >= PIECE_LENGTH) {
          seen?.(tokens.length);
          await delay(0);
          sinceTurn = 0;
        }
        for (const token of piece) tokens.push(token as Token);
        // Several parts may be short, and a piece of a long one is as long as a piece is.
        sinceTurn += parts.length > 1 ? Math.min(part.length, PIECE_LENGTH) : PIECE_LENGTH;
      }
    }
    return tokens;
  }

  /** Counts beginnings of a text: the whole of one that is far too long takes long. */
  async #seeBeginnings(text: string, special: boolean, seen: TokensSeen): Promise<void> {
    for (let length = 2 * PIECE_LENGTH; length < text.length; length *= 2) {
      seen(this.#model.tokenize(text.slice(0, length), special).length);
      await delay(0);
    }
  }
}
