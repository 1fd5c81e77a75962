import type { ChosenLogprob, TokenData } from "#shared/contracts/events.ts";
import type { ToolCall } from "#shared/contracts/tools.ts";
import { callId } from "./call_id.ts";
import { ContentLogprobs } from "./content_logprobs.ts";
import type { Span } from "./reader/parts.ts";
import type { AnswerReader, Part } from "./reader/reader.ts";
import { StopGate } from "./stop_gate.ts";
import { type Decoder, type TokenText, TokenTexts } from "./token_texts.ts";

/** Text of one channel that may be sent, as one event. */
export interface Piece extends Pick<TokenData, "channel" | "call"> {
  readonly text: string;
  /** Those of the tokens that the text is made of; a thought or a call has those of marks, too. */
  readonly logprobs: readonly ChosenLogprob[];
}

/** Pieces that one token completed, with all tokens since the last pieces. */
export interface Emission {
  readonly pieces: readonly Piece[];
  readonly ids: readonly number[];
}

/** Options of {@linkcode Output}. */
export interface OutputOptions {
  readonly decoder: Decoder;
  readonly stops: readonly string[];
  /** Reads thoughts and calls; undefined: everything is text. */
  readonly reader: AnswerReader | undefined;
  /** The ids of the calls are made of it. */
  readonly jobId: string;
}

/** Tokens without text are sent with an empty text once this many are held. */
const MAX_SILENT_TOKENS = 64;
const HALF = /\ufffd+$/;

/**
 * Turns generated tokens into the pieces of an answer: whole characters, without stop strings, with
 * thoughts and calls apart.
 *
 * The pieces depend on nothing but the tokens. So another worker that is given the tokens sent so far
 * comes to the same state, and goes on with the same pieces.
 */
export class Output {
  readonly #options: OutputOptions;
  readonly #stops: StopGate;
  readonly #calls: { id: string; name: string; arguments: string }[] = [];
  readonly #texts: TokenTexts;
  readonly #logprobs = new ContentLogprobs();
  #unsent: number[] = [];
  /** Logprobs of the tokens whose text is not complete; undefined for tokens without. */
  #partial: (ChosenLogprob | undefined)[] = [];
  #length = 0;
  #stop: string | undefined;
  /** Where each token of a thought begins in what the reader was given. */
  #thoughtStarts: number[] = [];
  #text = "";

  constructor(options: OutputOptions) {
    this.#options = options;
    this.#stops = new StopGate(options.stops);
    this.#texts = new TokenTexts(options.decoder);
  }

  /** Text so far, without thoughts and calls. */
  get text(): string {
    return this.#text;
  }

  /** Calls so far; the arguments of the last may be incomplete. */
  get calls(): ToolCall[] {
    return this.#calls.map(({ id, ...call }) => ({ id, type: "function", function: call }));
  }

  /** Tokens of thoughts so far, their marks included. */
  get reasoningTokens(): number {
    return this.#thoughtStarts.length;
  }

  /** Whether the answer is inside a thought. */
  get isThinking(): boolean {
    return this.#options.reader?.state === "reasoning";
  }

  /** Whether a stop string came. */
  get isStopped(): boolean {
    return this.#stop !== undefined;
  }

  /** The stop string that came. */
  get stop(): string | undefined {
    return this.#stop;
  }

  /** Whether a stop string came or no call can follow. */
  get isOver(): boolean {
    return this.isStopped || (this.#options.reader?.isOver ?? false);
  }

  /** Adds a generated token. */
  push(id: number, logprob?: ChosenLogprob): Emission | undefined {
    this.#unsent.push(id);
    this.#partial.push(logprob);
    const wasThinking = this.isThinking;
    const start = this.#length;
    const pieces = new Pieces(this.#logprobs);
    for (const text of this.#texts.push(id)) this.#read(text, pieces);
    if (wasThinking || this.isThinking) this.#thoughtStarts.push(start);
    if (this.isOver && !this.isStopped) pieces.text(this.#stops.flush());
    if (pieces.all.length === 0 && this.#unsent.length >= MAX_SILENT_TOKENS) pieces.silence();
    return this.#emit(pieces);
  }

  /**
   * Ends the answer.
   *
   * @param isCut It was cut off: half a character and half a mark are left out.
   */
  end(isCut: boolean): Emission | undefined {
    if (this.isStopped) return undefined;
    const pieces = new Pieces(this.#logprobs);
    const rest = this.#texts.end();
    this.#read(isCut ? { ...rest, text: rest.text.replace(HALF, "") } : rest, pieces);
    const { reader } = this.#options;
    const wasThinking = this.isThinking;
    if (reader) this.#take(reader.end(isCut), reader.spans, pieces);
    // A thought that was not closed may end with calls.
    const callStart = wasThinking ? reader?.callStart : undefined;
    if (callStart !== undefined) {
      this.#thoughtStarts = this.#thoughtStarts.filter((start) => start < callStart);
    }
    if (!this.isStopped) pieces.text(this.#stops.flush());
    return this.#emit(pieces);
  }

  #emit(pieces: Pieces): Emission | undefined {
    const all = pieces.finish();
    if (all.length === 0) return undefined;
    for (const { text, channel } of all) if (channel === undefined) this.#text += text;
    const ids = this.#unsent;
    this.#unsent = [];
    return { pieces: all, ids };
  }

  #read({ text, isControl, tokens }: TokenText, pieces: Pieces): void {
    const logprobs = this.#partial.splice(0, tokens).filter((each) => each !== undefined);
    if (text === "" || this.isOver) return;
    const { reader } = this.#options;
    const from = this.#length;
    const parts = reader?.push(text, isControl) ?? (isControl ? [] : [{ kind: "text", text }]);
    this.#length = reader?.length ?? from + (isControl ? 0 : text.length);
    const span = { from, to: this.#length };
    this.#logprobs.add(logprobs, span);
    this.#take(parts, reader?.spans ?? [span], pieces);
  }

  #take(parts: readonly Part[], spans: readonly Span[], pieces: Pieces): void {
    this.#logprobs.read(spans);
    for (const part of parts) {
      if (this.isStopped) return;
      if (part.kind === "text") {
        const { text, stop } = this.#stops.push(part.text);
        pieces.text(text);
        this.#stop = stop;
        continue;
      }
      // What may have been the beginning of a stop string is none.
      pieces.text(this.#stops.flush());
      if (part.kind === "call") {
        const { index, name } = part;
        const id = callId(this.#options.jobId, index);
        this.#calls[index] = { id, name, arguments: "" };
        pieces.call(index, "", { id, name });
      } else if (part.kind === "arguments") {
        this.#calls[part.index]!.arguments += part.text;
        pieces.call(part.index, part.text);
      } else pieces.reasoning(part.text);
    }
  }
}

/** Pieces of one token; neighbours of one channel become one piece. */
class Pieces {
  readonly all: Piece[] = [];
  readonly #logprobs: ContentLogprobs;

  constructor(logprobs: ContentLogprobs) {
    this.#logprobs = logprobs;
  }

  text(text: string): void {
    const logprobs = this.#logprobs.take(text.length);
    this.#add({ text, logprobs }, (last) => last.channel === undefined);
  }

  reasoning(text: string): void {
    const piece = { channel: "reasoning", text, logprobs: [] } as const;
    this.#add(piece, (last) => last.channel === "reasoning");
  }

  call(index: number, text: string, begun?: { readonly id: string; readonly name: string }): void {
    const piece = { channel: "call", call: { index, ...begun }, text, logprobs: [] } as const;
    if (begun) this.all.push(piece);
    else this.#add(piece, (last) => last.call?.index === index);
  }

  /** A piece without text, which only carries tokens. */
  silence(): void {
    this.all.push({ text: "", logprobs: [] });
  }

  /** All pieces; the first thought or call gets the logprobs that are not of the answer's text. */
  finish(): readonly Piece[] {
    const at = this.all.findIndex(({ channel }) => channel !== undefined);
    const piece = this.all[at];
    if (piece) this.all[at] = { ...piece, logprobs: this.#logprobs.takeRest() };
    this.#logprobs.forget();
    return this.all;
  }

  #add(piece: Piece, joins: (last: Piece) => boolean): void {
    if (piece.text === "") return;
    const last = this.all.at(-1);
    if (last && joins(last)) {
      const logprobs = [...last.logprobs, ...piece.logprobs];
      this.all.splice(-1, 1, { ...last, text: last.text + piece.text, logprobs });
    } else this.all.push(piece);
  }
}
