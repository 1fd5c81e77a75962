import type { ChosenLogprob, StopReason, WorkerEvent } from "#shared/contracts/events.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import type { Chosen, Engine, Sampling } from "../engine/engine.ts";
import { EventStream } from "../answers/event_stream.ts";
import { type Release, TextGate } from "../answers/text_gate.ts";
import { callId } from "./call_id.ts";
import type { CallWatch } from "../answers/tool_calls.ts";

/** How a run ended, for the counts. */
export type Outcome = "completed" | "cancelled" | "failed";

/** What is told to whoever counts. */
export interface RunObserver {
  started(queueMs: number): void;
  /** One token, `ms` after the one before it or, for the first, after the start. */
  token(ms: number, first: boolean): void;
  ended(run: Run, outcome: Outcome): void;
}

/** One attempt of a job, accepted and ready to run. */
export interface RunSpec {
  readonly jobId: string;
  readonly attempt: number;
  readonly workerId: string;
  readonly modelRef: string;
  readonly prompt: readonly number[];
  /** Tokens that earlier attempts delivered. */
  readonly resume: readonly number[];
  /** Index of the first token event. */
  readonly resumeIndex: number;
  /** Most tokens to generate, those resumed included; undefined: as many as the context takes. */
  readonly maxTokens: number | undefined;
  readonly stops: readonly string[];
  /** Calls to look for in the text; undefined where there are no tools. */
  readonly watch: CallWatch | undefined;
  readonly seed: number;
  readonly sampling: Sampling;
  readonly log: Logger;
}

/** What a {@linkcode Run} is given beside its request. */
export interface RunContext {
  readonly engine: Pick<Engine, "context" | "detokenize" | "endsGeneration">;
  readonly observer: RunObserver;
  /** Events kept for a slow reader. */
  readonly streamBuffer: number;
  readonly slowReaderMs: number;
  /** Something changed that the step loop should look at. */
  readonly wake: () => void;
  /** Requests that wait for a slot. */
  readonly queueDepth: () => number;
}

/**
 * One attempt of a job from its acceptance to its one terminal event. It takes the tokens that
 * the step loop hands it, and makes events of them.
 */
export class Run {
  readonly spec: RunSpec;
  /** Everything to evaluate before the first new token. */
  readonly tokens: readonly number[];
  readonly stream: EventStream;
  readonly #context: RunContext;
  readonly #gate: TextGate;
  readonly #limit: number;
  readonly #acceptedAt = performance.now();
  #startedAt: number | undefined;
  #lastTokenAt = 0;
  #ttftMs: number | undefined;
  #index: number;
  /** Of the tokens that the gate holds, in their order. */
  readonly #logprobs: ChosenLogprob[] = [];
  #tokensOut = 0;
  #cached = 0;
  #evaluated = 0;
  #ended = false;

  constructor(spec: RunSpec, context: RunContext) {
    this.spec = spec;
    this.#context = context;
    this.tokens = [...spec.prompt, ...spec.resume];
    this.#index = spec.resumeIndex;
    this.#limit = Math.min(spec.maxTokens ?? Infinity, context.engine.context - spec.prompt.length);
    this.#gate = new TextGate((ids) => context.engine.detokenize(ids), spec.stops, spec.watch);
    this.stream = new EventStream({
      limit: context.streamBuffer,
      lingerMs: context.slowReaderMs,
      onRoom: context.wake,
      onGone: () => this.leave(),
    });
  }

  /** Whether nothing is left to do: its slot may go to another. */
  get ended(): boolean {
    return this.#ended;
  }

  get tokensIn(): number {
    return this.spec.prompt.length;
  }

  /** Tokens of the prompt that were not evaluated because the slot held them already. */
  get tokensCached(): number {
    return Math.min(this.#cached, this.spec.prompt.length);
  }

  /** Tokens generated, those of earlier attempts included. */
  get tokensOut(): number {
    return this.#tokensOut;
  }

  /** Time since the first token, in milliseconds. */
  get decodeMs(): number {
    if (this.#ttftMs === undefined || this.#startedAt === undefined) return 0;
    return Math.max(0, this.#lastTokenAt - this.#startedAt - this.#ttftMs);
  }

  /** The slot is there. Replays what earlier attempts delivered, which may already be all. */
  start(): void {
    const { jobId, workerId, modelRef, resume, prompt, sampling } = this.spec;
    this.#startedAt = performance.now();
    this.#context.observer.started(this.#startedAt - this.#acceptedAt);
    const started_at = new Date().toISOString();
    this.#send({
      event: "started",
      data: { job_id: jobId, worker_id: workerId, model: modelRef, started_at },
    });
    sampling.see(prompt);
    for (const token of resume) {
      if (this.#context.engine.endsGeneration(token)) return this.complete("EOS");
      sampling.replay(token);
      this.#tokensOut++;
      if (this.#gate.replay(token)) return this.#stopped();
    }
    if (this.#tokensOut >= this.#limit) this.complete("MAX_TOKENS");
  }

  /** Says how much of {@linkcode tokens} the slot holds evaluated. */
  evaluated(count: number, cached = this.#cached): void {
    this.#evaluated = count;
    this.#cached = cached;
  }

  /** Takes the next token of the generation. */
  accept({ token, odds }: Chosen): void {
    if (this.#ended || this.#startedAt === undefined) return;
    const now = performance.now();
    const first = this.#ttftMs === undefined;
    this.#context.observer.token(now - (first ? this.#startedAt : this.#lastTokenAt), first);
    if (first) {
      // Whoever counts tokens learns how many were read, also where nothing else comes.
      this.#evaluated = this.tokens.length;
      this.#sendMetrics();
    }
    this.#ttftMs ??= now - this.#startedAt;
    this.#lastTokenAt = now;
    if (this.#context.engine.endsGeneration(token)) return this.complete("EOS");

    this.#tokensOut++;
    if (odds) this.#logprobs.push(this.#told(token, odds));
    const { release, stopped } = this.#gate.push(token);
    this.#sendText(release);
    if (stopped) return this.#stopped();
    if (this.#tokensOut >= this.#limit) this.complete("MAX_TOKENS");
  }

  /** Ends well: the model ended, or there is no room for more. */
  complete(reason: "EOS" | "MAX_TOKENS"): void {
    if (this.#ended) return;
    this.#sendText(this.#gate.flush(reason === "MAX_TOKENS"));
    this.#end(reason === "EOS" && this.#gate.calls.length > 0 ? "TOOL_CALLS" : reason);
  }

  /** The gate let the last of the text through. */
  #stopped(): void {
    this.#end(this.#gate.calls.length > 0 ? "TOOL_CALLS" : "STOP_SEQUENCE");
  }

  #end(reason: StopReason): void {
    const tool_calls = this.#gate.calls.map((call) => ({
      id: callId(),
      type: "function" as const,
      function: call,
    }));
    this.#finish("completed", {
      event: "end",
      data: {
        tokens_in: this.spec.prompt.length,
        tokens_cached: this.tokensCached,
        tokens_out: this.#tokensOut,
        ttft_ms: Math.round((this.#ttftMs ?? 0) * 1000) / 1000,
        decode_time_ms: Math.round(this.decodeMs * 1000) / 1000,
        stop_reason: reason,
        ...(tool_calls.length > 0 ? { tool_calls } : {}),
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

  /** The reader went away, which is a cancel. */
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
    this.#sendMetrics();
  }

  #sendMetrics(): void {
    // A reader that is behind loses figures, never tokens.
    if (this.#ended || this.stream.full) return;
    const seconds = this.decodeMs / 1000;
    const fresh = this.#tokensOut - this.spec.resume.length;
    const inPrefill = this.#ttftMs === undefined;
    this.#send({
      event: "metrics",
      data: {
        tokens_out: this.#tokensOut,
        ...(inPrefill ? { prompt_done: this.#evaluated, prompt_total: this.tokens.length } : {}),
        decode_time_ms: Math.round(this.decodeMs),
        tokens_per_second: seconds > 0 ? Math.round((fresh - 1) / seconds * 100) / 100 : 0,
        queue_depth: this.#context.queueDepth(),
        attempt: this.spec.attempt,
      },
    });
  }

  #sendText(release: Release | undefined): void {
    if (!release) return;
    const logprobs = this.#logprobs.splice(0, release.ids.length);
    this.#send({
      event: "token",
      data: {
        t: release.text,
        i: this.#index++,
        ids: [...release.ids],
        ...(logprobs.length > 0 ? { logprobs } : {}),
      },
    });
  }

  #told(id: number, { logprob, top }: NonNullable<Chosen["odds"]>): ChosenLogprob {
    const text = (token: number) => this.#context.engine.detokenize([token]);
    return {
      id,
      t: text(id),
      logprob,
      top: top.map(({ token, logprob }) => ({ id: token, t: text(token), logprob })),
    };
  }

  #send(event: WorkerEvent): void {
    this.stream.push(event);
  }

  #finish(outcome: Outcome, event: WorkerEvent): void {
    if (this.#ended) return;
    this.#ended = true;
    this.stream.end(event);
    this.#context.observer.ended(this, outcome);
    this.#context.wake();
  }
}
