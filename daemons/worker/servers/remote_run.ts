import type { ChosenLogprob, StopReason } from "#shared/contracts/events.ts";
import type { ToolCall } from "#shared/contracts/tools.ts";
import { LlorchError, toLlorchError } from "#shared/errors.ts";
import {
  Answer,
  type AnswerContext,
  type AnswerSpec,
  type TokenCounts,
} from "../answers/answer.ts";
import { type Release, TextGate } from "../answers/text_gate.ts";
import type { Piece, PromptRead, Usage } from "./server_kind.ts";

/** An accepted attempt of a job. */
export interface RemoteSpec extends AnswerSpec {
  /** Number of the prompt's tokens; undefined if only the server can count them. */
  readonly tokensIn: number | undefined;
  /** Number of tokens that earlier attempts delivered. */
  readonly resumed: number;
  /** Set if earlier attempts delivered everything, so that nothing is left to generate. */
  readonly alreadyOver: { readonly reason: StopReason; readonly stop?: string } | undefined;
  readonly stops: readonly string[];
  readonly generate: (signal: AbortSignal) => AsyncGenerator<Piece>;
}

/** Dependencies of a {@linkcode RemoteRun}. */
export interface RemoteContext extends AnswerContext {
  /** Called once when the run has ended. */
  readonly onEnded: () => void;
}

/** A piece that the gate may hold. */
interface Held {
  readonly text: string;
  readonly ids: readonly number[];
  readonly logprobs: readonly ChosenLogprob[];
}

/** An attempt of a job that a server generates. Its pieces become the answer's events. */
export class RemoteRun {
  readonly answer: Answer;
  readonly #spec: RemoteSpec;
  readonly #gate: TextGate;
  readonly #abort = new AbortController();
  /** Pieces that the gate may hold, by the number that the gate has in place of a token. */
  readonly #held = new Map<number, Held>();
  #pieces = 0;
  /** Tokens whose text comes with a later token. */
  #silent: { ids: number[]; logprobs: ChosenLogprob[] } = { ids: [], logprobs: [] };
  #fresh = 0;
  #text = "";
  #reasoning = 0;
  #usage: Usage = {};
  #onRoom = () => {};
  /** How much of the prompt is evaluated, if the server tells it. */
  #prompt: PromptRead | undefined;

  constructor(spec: RemoteSpec, context: RemoteContext) {
    this.#spec = spec;
    this.#gate = new TextGate(
      (numbers) => numbers.map((number) => this.#held.get(number)?.text ?? "").join(""),
      spec.stops,
    );
    this.answer = new Answer(spec, context, {
      counts: () => this.#counts(),
      onRoom: () => this.#onRoom(),
      onEnded: () => {
        this.#abort.abort(new Error("The run has ended"));
        this.#onRoom();
        context.onEnded();
      },
    });
  }

  /** Generates; resolves when the run has ended and the server's reply is closed. */
  async run(): Promise<void> {
    if (this.answer.ended) return;
    const { alreadyOver } = this.#spec;
    this.answer.start();
    if (alreadyOver) {
      const { reason, stop } = alreadyOver;
      return this.answer.end(reason, { text: "", calls: [], stop });
    }
    try {
      await this.#read();
    } catch (error) {
      this.answer.fail(toLlorchError(error));
    }
  }

  async #read(): Promise<void> {
    const { signal } = this.#abort;
    let stop: StopReason | undefined;
    let calls: readonly ToolCall[] = [];
    for await (const piece of this.#spec.generate(signal)) {
      this.#usage = { ...this.#usage, ...piece.usage };
      this.#sawPrompt(piece.prompt);
      this.#sendParts(piece);
      const stopString = this.#accept(piece);
      if (this.answer.ended) return;
      if (stopString !== undefined) {
        const finished = { text: this.#text, calls: [], stop: stopString };
        return this.answer.end("STOP_SEQUENCE", finished);
      }
      stop ??= piece.stop;
      if (piece.toolCalls) calls = piece.toolCalls;
      while (this.answer.stream.full && !this.answer.ended) await this.#room();
      if (this.answer.ended) return;
    }
    if (stop === undefined) {
      throw new LlorchError("WORKER_LOST", "The engine ended the stream before its end");
    }
    this.#sendText(this.#gate.flush(stop === "MAX_TOKENS"));
    this.answer.end(stop, { text: this.#text, calls });
  }

  #sawPrompt(prompt: PromptRead | undefined): void {
    if (!prompt) return;
    this.#prompt = prompt;
    this.answer.report();
  }

  /** Sends thoughts and calls, in which stop strings are not looked for. */
  #sendParts({ reasoning, callParts = [] }: Piece): void {
    if (this.answer.ended || reasoning === undefined && callParts.length === 0) return;
    const isFirst = !this.answer.hasTokens;
    this.#fresh++;
    this.answer.sawTokens(1);
    if (isFirst) this.answer.report();
    if (reasoning !== undefined) {
      this.#reasoning++;
      this.answer.text(reasoning, [], [], { channel: "reasoning" });
    }
    if (callParts.length === 0) return;
    // Text that might have become a stop string stands before the call.
    this.#sendText(this.#gate.flush(false));
    for (const { arguments: text, ...call } of callParts) {
      this.answer.text(text, [], [], { channel: "call", call });
    }
  }

  /** @returns the stop string that is complete */
  #accept({ text, ids, logprobs = [], stop }: Piece): string | undefined {
    if (text === "" && ids.length === 0) return undefined;
    const isFirst = !this.answer.hasTokens;
    // The token that ends a generation has no text and is not counted.
    const count = text === "" ? 0 : Math.max(1, this.#silent.ids.length + ids.length);
    this.#fresh += count;
    this.answer.sawTokens(count);
    if (isFirst) this.answer.report();
    if (text === "") {
      if (stop === undefined) {
        this.#silent.ids.push(...ids);
        this.#silent.logprobs.push(...logprobs);
      }
      return undefined;
    }
    const number = this.#pieces++;
    this.#held.set(number, {
      text,
      ids: [...this.#silent.ids, ...ids],
      logprobs: [...this.#silent.logprobs, ...logprobs],
    });
    this.#silent = { ids: [], logprobs: [] };
    const { release, stop: stopString } = this.#gate.push(number);
    this.#sendText(release);
    return stopString;
  }

  #room(): Promise<void> {
    return new Promise((resolve) => this.#onRoom = resolve);
  }

  #sendText(release: Release | undefined): void {
    if (!release) return;
    const pieces = release.ids.flatMap((number) => this.#held.get(number) ?? []);
    for (const number of release.ids) this.#held.delete(number);
    const ids = pieces.flatMap((piece) => piece.ids);
    this.#text += release.text;
    this.answer.text(release.text, ids, pieces.flatMap((piece) => piece.logprobs));
  }

  #counts(): TokenCounts {
    const { resumed } = this.#spec;
    const tokensIn = this.#spec.tokensIn ?? this.#usage.tokensIn ?? 0;
    return {
      tokensIn,
      tokensCached: Math.min(this.#usage.tokensCached ?? this.#prompt?.cached ?? 0, tokensIn),
      tokensOut: resumed + this.#fresh,
      reasoning: this.#usage.reasoning ?? this.#reasoning,
      resumed,
      prompt: this.#promptRead(),
    };
  }

  /** Evaluated part of the prompt: 0 until the server answers, if it does not report it. */
  #promptRead(): TokenCounts["prompt"] {
    const { tokensIn, resumed } = this.#spec;
    if (tokensIn === undefined || this.#fresh > 1) return undefined;
    const total = tokensIn + resumed;
    return { done: this.answer.hasTokens ? total : this.#prompt?.done ?? 0, total };
  }
}
