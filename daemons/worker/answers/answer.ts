import {
  type ChosenLogprob,
  type PromptLogprob,
  type StopReason,
  toErrorData,
  type TokenData,
  type TokenTimings,
  type WorkerEvent,
} from "#shared/contracts/events.ts";
import type { ToolCall } from "#shared/contracts/tools.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import { EventStream } from "./event_stream.ts";

/** How an answer ended, for metrics. */
export type Outcome = "completed" | "cancelled" | "failed";

/** The attempt of a job that an {@linkcode Answer} belongs to. */
export interface AnswerSpec {
  readonly jobId: string;
  /** Start of the orchestrator that sent it: its attempts come after those of earlier starts. */
  readonly epoch: number;
  readonly attempt: number;
  readonly workerId: string;
  readonly modelRef: string;
  /** Index of the first token event: the number of events that earlier attempts sent. */
  readonly resumeIndex: number;
  readonly seed: number;
  /** Whether each text is sent with what the answer has taken so far. */
  readonly tokenTimings?: boolean | undefined;
  /**
   * Checks the finished answer against its schemas; true, false, or undefined if it could not be
   * checked. Absent: nothing is to be checked.
   */
  readonly validate?: ((answer: FinishedAnswer) => boolean | undefined) | undefined;
}

/** A finished answer: its text without thoughts and calls, and its calls. */
export interface FinishedAnswer {
  readonly text: string;
  readonly calls: readonly ToolCall[];
  /** The stop string that ended it. */
  readonly stop?: string | undefined;
  /** Probabilities of the prompt's tokens, if they are asked for. */
  readonly promptLogprobs?: readonly PromptLogprob[] | undefined;
}

/** Token counts of an answer so far. */
export interface TokenCounts {
  readonly tokensIn: number;
  /** Tokens of the prompt that were already evaluated in the slot. */
  readonly tokensCached: number;
  /** Generated tokens, including those of earlier attempts. */
  readonly tokensOut: number;
  /** Tokens that earlier attempts generated. */
  readonly resumed: number;
  /** Tokens of thinking, which `tokensOut` counts too. */
  readonly reasoning?: number | undefined;
  /** Evaluated tokens of the prompt and the resumed tokens; undefined once tokens are generated. */
  readonly prompt?: { readonly done: number; readonly total: number } | undefined;
}

/** Figures of an answer that has ended. */
export interface AnswerFigures {
  readonly tokensIn: number;
  readonly tokensCached: number;
  /** Time from the first token to the last, in milliseconds. */
  readonly decodeMs: number;
}

/** Receives figures of answers, for metrics. */
export interface AnswerObserver {
  /** An answer began, `queueMs` after it was accepted. */
  started(queueMs: number): void;
  /** One token came `ms` after the one before it or, for the first, after the start. */
  token(ms: number, first: boolean): void;
  ended(figures: AnswerFigures, outcome: Outcome): void;
}

/** Dependencies of an {@linkcode Answer}. */
export interface AnswerContext {
  readonly observer: AnswerObserver;
  readonly log: Logger;
  /** Events kept for a slow reader. */
  readonly streamBuffer: number;
  /** An answer whose reader reads nothing for this long ends, in milliseconds. */
  readonly slowReaderMs: number;
  /** Requests that wait for a slot. */
  readonly queueDepth: () => number;
}

/** The part of an answer that generates it. */
export interface Source {
  counts(): TokenCounts;
  /** Called when the reader has read, so that more events can be sent. */
  onRoom(): void;
  /** Called once, when the answer has ended, for any reason. */
  onEnded(): void;
}

/**
 * The answer to one attempt of a job: its events, its figures, and exactly one end, however its
 * tokens are computed.
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

  /** Whether it has ended, so that its slot is free. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether a token was generated. */
  get hasTokens(): boolean {
    return this.#ttftMs !== undefined;
  }

  /** Logger for lines about this answer. */
  get log(): Logger {
    return this.#context.log;
  }

  /**
   * Sends the `started` event; called when the answer gets a slot.
   *
   * @param counts What is known of the prompt's tokens.
   */
  start(counts?: Pick<TokenCounts, "tokensIn" | "tokensCached">): void {
    const { jobId, workerId, modelRef } = this.spec;
    this.#startedAt = performance.now();
    this.#context.observer.started(this.#startedAt - this.#acceptedAt);
    const started_at = new Date().toISOString();
    this.#send({
      event: "started",
      data: {
        ...{ job_id: jobId, worker_id: workerId, model: modelRef, started_at },
        ...(counts ? { tokens_in: counts.tokensIn, tokens_cached: counts.tokensCached } : {}),
      },
    });
  }

  /** Records that tokens were generated now; a `count` of 0 only updates the times. */
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

  /**
   * Sends text with the ids of its tokens.
   *
   * @param part The channel of a thought or call, absent: the answer; and Mirostat's state after the ids.
   */
  text(
    t: string,
    ids: readonly number[],
    logprobs: readonly ChosenLogprob[],
    part: Pick<TokenData, "channel" | "call" | "mirostat_mu"> = {},
  ): void {
    this.#send({
      event: "token",
      data: {
        t,
        i: this.#index++,
        ids: [...ids],
        ...(logprobs.length > 0 ? { logprobs: [...logprobs] } : {}),
        ...part,
        ...(this.spec.tokenTimings ? { timings: this.#figures() } : {}),
      },
    });
  }

  /** Sends a `metrics` event, unless the reader is behind: it may miss metrics but never tokens. */
  report(): void {
    if (this.#ended || this.stream.full) return;
    const { tokensOut, tokensCached, resumed, prompt } = this.#source.counts();
    const now = performance.now();
    const decodeMs = this.#decodeMs;
    const seconds = decodeMs / 1000;
    const fresh = Math.max(0, tokensOut - resumed - 1);
    this.#send({
      event: "metrics",
      data: {
        tokens_out: tokensOut,
        ...(prompt
          ? {
            prompt_done: prompt.done,
            prompt_total: prompt.total,
            prompt_cached: tokensCached,
            prompt_ms: rounded(now - (this.#startedAt ?? now)),
          }
          : {}),
        decode_time_ms: Math.round(decodeMs),
        tokens_per_second: seconds > 0 ? Math.round(fresh / seconds * 100) / 100 : 0,
        queue_depth: this.#context.queueDepth(),
        attempt: this.spec.attempt,
      },
    });
  }

  /** Ends the answer if its reader has read nothing for too long; called regularly. */
  requireReader(): void {
    const { slowReaderMs } = this.#context;
    if (this.stream.fullForMs <= slowReaderMs) return;
    const message = `The client read nothing of the stream for ${slowReaderMs} ms`;
    this.fail(new LlorchError("TIMEOUT", message, { retriable: false }));
  }

  /** Ends with an `end` event. An answer that was cut off is not checked against its schemas. */
  end(reason: StopReason, finished: FinishedAnswer): void {
    if (this.#ended) return;
    const { calls, stop, promptLogprobs } = finished;
    const validated = reason === "MAX_TOKENS" ? undefined : this.spec.validate?.(finished);
    const { reasoning = 0 } = this.#source.counts();
    this.#finish("completed", {
      event: "end",
      data: {
        ...this.#figures(),
        stop_reason: reason,
        ...(stop === undefined ? {} : { stop_sequence: stop }),
        ...(calls.length > 0 ? { tool_calls: [...calls] } : {}),
        ...(reasoning > 0 ? { reasoning_tokens: reasoning } : {}),
        ...(validated === undefined ? {} : { validated }),
        seed: this.spec.seed,
        ...(promptLogprobs ? { prompt_logprobs: [...promptLogprobs] } : {}),
      },
    });
  }

  /** Ends with an `error` event, also if it was cancelled. */
  fail(error: LlorchError): void {
    this.#finish(error.code === "CANCELLED" ? "cancelled" : "failed", {
      event: "error",
      data: toErrorData(error),
    });
  }

  /** Cancels because the reader went away. */
  leave(): void {
    this.fail(new LlorchError("CANCELLED", "The client went away"));
  }

  /** What it has taken so far. */
  #figures(): TokenTimings {
    const { tokensIn, tokensCached, tokensOut } = this.#source.counts();
    return {
      tokens_in: tokensIn,
      tokens_cached: tokensCached,
      tokens_out: tokensOut,
      ttft_ms: rounded(this.#ttftMs ?? 0),
      decode_time_ms: rounded(this.#decodeMs),
    };
  }

  /** Time from the first token to the last, in milliseconds. */
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
      epoch: this.spec.epoch,
      outcome,
      tokens_in: tokensIn,
      tokens_cached: tokensCached,
      tokens_out: tokensOut,
      decode_ms: Math.round(decodeMs),
      ran_ms: Math.round(performance.now() - this.#acceptedAt),
    });
  }
}

/** Milliseconds with three digits. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
