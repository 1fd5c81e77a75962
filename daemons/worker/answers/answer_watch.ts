import type { AnswerWatch } from "../engine/engine.ts";
import type { AnswerReader } from "./reader/reader.ts";
import { type Decoder, TokenTexts } from "./token_texts.ts";

/** Watches an answer grow for the grammars that hold it. It depends on nothing but the tokens. */
export class ReaderWatch implements AnswerWatch {
  readonly #reader: AnswerReader;
  readonly #texts: TokenTexts;
  /** Tokens, and where each begins in what the reader was given. */
  readonly #tokens: number[] = [];
  readonly #starts: number[] = [];

  constructor(reader: AnswerReader, decoder: Decoder) {
    this.#reader = reader;
    this.#texts = new TokenTexts(decoder);
  }

  get isThinking(): boolean {
    return this.#reader.state === "reasoning";
  }

  get callStart(): number | undefined {
    return this.#reader.callStart;
  }

  callTokens(): readonly number[] {
    const { callStart } = this.#reader;
    if (callStart === undefined) return [];
    return this.#tokens.slice(this.#starts.findLastIndex((start) => start <= callStart));
  }

  push(token: number): void {
    this.#tokens.push(token);
    this.#starts.push(this.#reader.length);
    for (const { text, isControl } of this.#texts.push(token)) this.#reader.push(text, isControl);
  }
}
