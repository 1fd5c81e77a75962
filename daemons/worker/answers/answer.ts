import {
  type ChosenLogprob,
  type StopReason,
  toErrorData,
  type WorkerEvent,
} from "#shared/contracts/events.ts";
import type { ToolCall } from "#shared/contracts/tools.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import { EventStream } from "./event_stream.ts";

/** How an answer ended, for the counts. */
export type Outcome = "completed" | "cancelled" | "failed";

/** What an {@linkcode Answer} answers. */
export interface AnswerSpec {
  readonly jobId: string;
  readonly attempt: number;
  readonly workerId: string;
  readonly modelRef: string;
  /** Index of the first token event: that many came from earlier attempts. */
  readonly resumeIndex: number;
  readonly seed: number;
}

/** Tokens of an answer, as far as they are known. */
export interface TokenCounts {
  readonly tokensIn: number;
  /** Tokens of the prompt that need not be evaluated. */
  readonly tokensCached: number;
  /** Tokens generated, those of earlier attempts included. */
  readonly tokensOut: number;
  /** Tokens that earlier attempts generated. */
  readonly resumed: number;
  /** How much of the prompt and of what is resumed is evaluated, as long as a reader should know. */
  readonly prompt?: { readonly done: number; readonly total: number } | undefined;
}

/** What is counted of an answer that has ended. */
export interface AnswerFigures {
  readonly tokensIn: number;
  readonly tokensCached: number;
  /** Time from the first token to the last, in milliseconds. */
  readonly decodeMs: number;
}

/** Counts answers and their tokens. */
export interface AnswerObserver {
  /** An answer began, `queueMs` after it was accepted. */
  started(queueMs: number): void;
  /** One token, `ms` after the one before it or, for the first, after the start. */
  token(ms: number, first: boolean): void;
  ended(figures: AnswerFigures, outcome: Outcome): void;
}

/** Dependencies of an {@linkcode Answer}. */
export interface AnswerContext {
  readonly observer: AnswerObserver;
  readonly log: Logger;
  /** Events kept for a slow reader. */
  readonly streamBuffer: number;
  /** A reader that takes nothing for this long is given up, in milliseconds. */
  readonly slowReaderMs: number;
  /** Requests that wait for a slot. */
  readonly queueDepth: () => number;
}

/** The side of an answer that generates. */
export interface Source {
  counts(): TokenCounts;
  /** The reader took something: there is room again. */
  onRoom(): void;
  /** Called once, when the answer has ended, whoever ended it. */
  onEnded(): void;
}

/**
 * The answer to one attempt of a job: its events, its figures, and exactly one end, whoever computes it.
 */
export class Answer {
  readonly spec: AnswerSpec;
  readonly stream: EventStream;
  readonly #context: AnswerContext;
  readonly #source: Source;
  readonly #acceptedAt = performance.now();
  #startedAt: number | undefined;
  #lastTokenAt = 0;
  #ttftMs: number | undefined;
  /** A token was counted. */
  #isCounted = false;
  #index: number;
  #ended = false;

  constructor(spec: AnswerSpec, context: AnswerContext, source: Source) {
    this.spec = spec;
    this.#context = context;
    this.#source = source;
    this.#index = spec.resumeIndex;
    this.stream = new EventStream({
      limit: context.streamBuffer,
      lingerMs: context.slowReaderMs,
      onRoom: () => source.onRoom(),
      onGone: () => this.leave(),
    });
  }

  /** Whether nothing is left to do: its slot may go to another. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether a token was generated. */
  get hasTokens(): boolean {
    return this.#ttftMs !== undefined;
  }

  /** Writes lines that belong to the answer. */
  get log(): Logger {
    return this.#context.log;
  }

  /** It has a slot. */
  start(): void {
    const { jobId, workerId, modelRef } = this.spec;
    this.#startedAt = performance.now();
    this.#context.observer.started(this.#startedAt - this.#acceptedAt);
    const started_at = new Date().toISOString();
    this.#send({
      event: "started",
      data: { job_id: jobId, worker_id: workerId, model: modelRef, started_at },
    });
  }

  /** Notes when tokens were generated; a `count` of 0 is one that is not counted. */
  sawTokens(count: number): void {
    const now = performance.now();
    const startedAt = this.#startedAt ?? now;
    const since = this.hasTokens ? this.#lastTokenAt : startedAt;
    for (let at = 0; at < count; at++) {
      this.#context.observer.token((now - since) / count, !this.#isCounted);
      this.#isCounted = true;
    }
    this.#ttftMs ??= now - startedAt;
    this.#lastTokenAt = now;
  }

  /** Sends text with the ids of its tokens. */
  text(t: string, ids: readonly number[], logprobs: readonly ChosenLogprob[]): void {
    this.#send({
      event: "token",
      data: {
        t,
        i: this.#index++,
        ids: [...ids],
        ...(logprobs.length > 0 ? { logprobs: [...logprobs] } : {}),
      },
    });
  }

  /** Sends the figures so far. A reader that is behind loses figures, never tokens. */
  report(): void {
    if (this.#ended || this.stream.full) return;
    const { tokensOut, resumed, prompt } = this.#source.counts();
    const decodeMs = this.#decodeMs;
    const seconds = decodeMs / 1000;
    const fresh = Math.max(0, tokensOut - resumed - 1);
    this.#send({
      event: "metrics",
      data: {
        tokens_out: tokensOut,
        ...(prompt ? { prompt_done: prompt.done, prompt_total: prompt.total } : {}),
        decode_time_ms: Math.round(decodeMs),
        tokens_per_second: seconds > 0 ? Math.round(fresh / seconds * 100) / 100 : 0,
        queue_depth: this.#context.queueDepth(),
        attempt: this.spec.attempt,
      },
    });
  }

  /** Gives a reader up that has taken nothing for too long; called regularly. */
  requireReader(): void {
    const { slowReaderMs } = this.#context;
    if (this.stream.fullForMs <= slowReaderMs) return;
    const message = `The stream's reader took nothing for ${slowReaderMs} ms`;
    this.fail(new LlorchError("TIMEOUT", message, { retriable: false }));
  }

  /** Ends well. */
  end(reason: StopReason, calls: readonly ToolCall[]): void {
    const { tokensIn, tokensCached, tokensOut } = this.#source.counts();
    this.#finish("completed", {
      event: "end",
      data: {
        tokens_in: tokensIn,
        tokens_cached: tokensCached,
        tokens_out: tokensOut,
        ttft_ms: Math.round((this.#ttftMs ?? 0) * 1000) / 1000,
        decode_time_ms: Math.round(this.#decodeMs * 1000) / 1000,
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
      data: toErrorData(error),
    });
  }

  /** The reader went away, which is a cancel. */
  leave(): void {
    this.fail(new LlorchError("CANCELLED", "The client went away"));
  }

  /** Time since the first token, in milliseconds. */
  get #decodeMs(): number {
    if (this.#ttftMs === undefined || this.#startedAt === undefined) return 0;
    return Math.max(0, this.#lastTokenAt - this.#startedAt - this.#ttftMs);
  }

  #send(event: WorkerEvent): void {
    this.stream.push(event);
  }

  #finish(outcome: Outcome, event: WorkerEvent): void {
    if (this.#ended) return;
    this.#ended = true;
    this.stream.end(event);
    const { tokensIn, tokensCached, tokensOut } = this.#source.counts();
    const decodeMs = this.#decodeMs;
    this.#source.onEnded();
    this.#context.observer.ended({ tokensIn, tokensCached, decodeMs }, outcome);
    this.#context.log.info("run_ended", {
      job_id: this.spec.jobId,
      attempt: this.spec.attempt,
      outcome,
      tokens_in: tokensIn,
      tokens_cached: tokensCached,
      tokens_out: tokensOut,
      decode_ms: Math.round(decodeMs),
    });
  }
}
