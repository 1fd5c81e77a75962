import type { ChosenLogprob, StopReason, WorkerEvent } from "#shared/contracts/events.ts";
import type { ToolCall } from "#shared/contracts/tools.ts";
import { LlorchError, toLlorchError } from "#shared/errors.ts";
import { EventStream } from "../answers/event_stream.ts";
import type { Outcome } from "../batch/run.ts";
import { type Release, TextGate } from "../answers/text_gate.ts";
import type { Instruments } from "../instruments.ts";
import type { Execution } from "../model.ts";
import type { Piece, Usage } from "./server_kind.ts";

/** One attempt of a job, accepted and ready to run. */
export interface RemoteSpec {
  readonly jobId: string;
  readonly attempt: number;
  readonly workerId: string;
  readonly modelRef: string;
  /** Tokens of the prompt; undefined where only the server can count them. */
  readonly tokensIn: number | undefined;
  /** Tokens that earlier attempts delivered. */
  readonly resumed: number;
  /** What is delivered is already all: nothing is left to generate. */
  readonly alreadyOver: StopReason | undefined;
  /** Index of the first token event. */
  readonly resumeIndex: number;
  readonly stops: readonly string[];
  readonly seed: number;
  readonly generate: (signal: AbortSignal) => AsyncGenerator<Piece>;
}

/** What a {@linkcode RemoteRun} is given beside its request. */
export interface RemoteContext {
  readonly observer: Instruments;
  readonly streamBuffer: number;
  readonly slowReaderMs: number;
  readonly queueDepth: () => number;
  /** Whether the server answers; a stream is silent while it does not, so that it shows. */
  readonly isAnswering: () => boolean;
  readonly onEnded: (run: RemoteRun, outcome: Outcome) => void;
}

/** A piece's text on its way through the gate. */
interface Held {
  readonly text: string;
  readonly ids: readonly number[];
  readonly logprobs: readonly ChosenLogprob[];
}

/** One attempt of a job that a server generates, from its acceptance to its one terminal event. */
export class RemoteRun implements Execution {
  readonly spec: RemoteSpec;
  readonly stream: EventStream;
  readonly #context: RemoteContext;
  readonly #gate: TextGate;
  readonly #abort = new AbortController();
  readonly #acceptedAt = performance.now();
  /** Pieces that the gate may still hold, by the number that stands for them. */
  readonly #held = new Map<number, Held>();
  #pieces = 0;
  /** Tokens whose text comes with a later one. */
  #silent: { ids: number[]; logprobs: ChosenLogprob[] } = { ids: [], logprobs: [] };
  #startedAt: number | undefined;
  #lastPieceAt = 0;
  #ttftMs: number | undefined;
  #index: number;
  #fresh = 0;
  #usage: Usage = {};
  #ended = false;
  #onRoom = () => {};

  constructor(spec: RemoteSpec, context: RemoteContext) {
    this.spec = spec;
    this.#context = context;
    this.#index = spec.resumeIndex;
    this.#gate = new TextGate(
      (numbers) => numbers.map((number) => this.#held.get(number)?.text ?? "").join(""),
      spec.stops,
    );
    this.stream = new EventStream({
      limit: context.streamBuffer,
      lingerMs: context.slowReaderMs,
      onRoom: () => this.#onRoom(),
      onGone: () => this.leave(),
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  get tokensIn(): number {
    return this.spec.tokensIn ?? this.#usage.tokensIn ?? 0;
  }

  get tokensCached(): number {
    return Math.min(this.#usage.tokensCached ?? 0, this.tokensIn);
  }

  /** Tokens generated, those of earlier attempts included. */
  get tokensOut(): number {
    return this.spec.resumed + this.#fresh;
  }

  /** Time since the first token, in milliseconds. */
  get decodeMs(): number {
    if (this.#ttftMs === undefined || this.#startedAt === undefined) return 0;
    return Math.max(0, this.#lastPieceAt - this.#startedAt - this.#ttftMs);
  }

  /** Generates; resolves when the run has ended and the server's reply is let go. */
  async run(): Promise<void> {
    if (this.#ended) return;
    const { jobId, workerId, modelRef, alreadyOver } = this.spec;
    this.#startedAt = performance.now();
    this.#context.observer.started(this.#startedAt - this.#acceptedAt);
    this.stream.push({
      event: "started",
      data: {
        job_id: jobId,
        worker_id: workerId,
        model: modelRef,
        started_at: new Date().toISOString(),
      },
    });
    if (alreadyOver !== undefined) return this.#end(alreadyOver, []);
    try {
      await this.#read();
    } catch (error) {
      this.fail(toLlorchError(error));
    }
  }

  async #read(): Promise<void> {
    const { signal } = this.#abort;
    let stop: StopReason | undefined;
    let calls: readonly ToolCall[] = [];
    for await (const piece of this.spec.generate(signal)) {
      this.#usage = { ...this.#usage, ...piece.usage };
      const isOver = this.#accept(piece);
      if (this.#ended) return;
      if (isOver) return this.#end("STOP_SEQUENCE", []);
      stop ??= piece.stop;
      if (piece.toolCalls) calls = piece.toolCalls;
      while (this.stream.full && !this.#ended) await this.#room();
      if (this.#ended) return;
    }
    if (stop === undefined) {
      throw new LlorchError("WORKER_LOST", "The engine ended the stream before its end");
    }
    this.#sendText(this.#gate.flush(stop === "MAX_TOKENS"));
    this.#end(stop, calls);
  }

  /** @returns whether a stop string is whole */
  #accept({ text, ids, logprobs = [], stop }: Piece): boolean {
    if (text === "" && ids.length === 0) return false;
    const now = performance.now();
    const isFirst = this.#ttftMs === undefined;
    this.#ttftMs ??= now - this.#startedAt!;
    // The token that ends a generation has no text and is not counted.
    if (text !== "") {
      const since = isFirst ? this.#startedAt! : this.#lastPieceAt;
      const count = Math.max(1, this.#silent.ids.length + ids.length);
      for (let at = 0; at < count; at++) {
        this.#context.observer.token((now - since) / count, isFirst && at === 0);
      }
      this.#fresh += count;
    }
    this.#lastPieceAt = now;
    if (isFirst) this.#sendMetrics();
    if (text === "") {
      if (stop === undefined) {
        this.#silent.ids.push(...ids);
        this.#silent.logprobs.push(...logprobs);
      }
      return false;
    }
    const number = this.#pieces++;
    this.#held.set(number, {
      text,
      ids: [...this.#silent.ids, ...ids],
      logprobs: [...this.#silent.logprobs, ...logprobs],
    });
    this.#silent = { ids: [], logprobs: [] };
    const { release, stopped } = this.#gate.push(number);
    this.#sendText(release);
    return stopped;
  }

  #room(): Promise<void> {
    return new Promise((resolve) => this.#onRoom = resolve);
  }

  #sendText(release: Release | undefined): void {
    if (!release) return;
    const pieces = release.ids.flatMap((number) => this.#held.get(number) ?? []);
    for (const number of release.ids) this.#held.delete(number);
    const logprobs = pieces.flatMap((piece) => piece.logprobs);
    this.stream.push({
      event: "token",
      data: {
        t: release.text,
        i: this.#index++,
        ids: pieces.flatMap((piece) => piece.ids),
        ...(logprobs.length > 0 ? { logprobs } : {}),
      },
    });
  }

  #end(reason: StopReason, calls: readonly ToolCall[]): void {
    this.#finish("completed", {
      event: "end",
      data: {
        tokens_in: this.tokensIn,
        tokens_cached: this.tokensCached,
        tokens_out: this.tokensOut,
        ttft_ms: Math.round((this.#ttftMs ?? 0) * 1000) / 1000,
        decode_time_ms: Math.round(this.decodeMs * 1000) / 1000,
        stop_reason: reason,
        ...(calls.length > 0 ? { tool_calls: [...calls] } : {}),
        seed: this.spec.seed,
      },
    });
  }

  /** Ends with an error event; `CANCELLED` is one of them. */
  fail(error: LlorchError): void {
    this.#finish(error.code === "CANCELLED" ? "cancelled" : "failed", {
      event: "error",
      data: {
        code: error.code,
        message: error.message,
        retriable: error.retriable,
        ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
        ...(error.details === undefined ? {} : { details: error.details }),
      },
    });
  }

  leave(): void {
    this.fail(new LlorchError("CANCELLED", "The client went away"));
  }

  /** Called regularly: sends a metrics event, or gives a reader up that takes nothing. */
  tick(): void {
    const { slowReaderMs } = this.#context;
    if (this.stream.fullForMs > slowReaderMs) {
      const message = `The stream's reader took nothing for ${slowReaderMs} ms`;
      return this.fail(new LlorchError("TIMEOUT", message, { retriable: false }));
    }
    if (this.#context.isAnswering()) this.#sendMetrics();
  }

  #sendMetrics(): void {
    if (this.#ended || this.stream.full) return;
    const seconds = this.decodeMs / 1000;
    const { tokensIn, resumed, attempt } = this.spec;
    // Servers do not tell how far they have read; all of it, once they answer.
    const total = tokensIn === undefined ? undefined : tokensIn + resumed;
    const done = this.#ttftMs === undefined ? 0 : total;
    const isEarly = total !== undefined && this.#fresh <= 1;
    this.stream.push({
      event: "metrics",
      data: {
        tokens_out: this.tokensOut,
        ...(isEarly ? { prompt_done: done!, prompt_total: total } : {}),
        decode_time_ms: Math.round(this.decodeMs),
        tokens_per_second: seconds > 0
          ? Math.round(Math.max(0, this.#fresh - 1) / seconds * 100) / 100
          : 0,
        queue_depth: this.#context.queueDepth(),
        attempt,
      },
    });
  }

  #finish(outcome: Outcome, event: WorkerEvent): void {
    if (this.#ended) return;
    this.#ended = true;
    this.stream.end(event);
    this.#abort.abort(new Error("The run has ended"));
    this.#onRoom();
    this.#context.onEnded(this, outcome);
  }
}
