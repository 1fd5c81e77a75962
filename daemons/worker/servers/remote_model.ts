import type { Capability } from "#shared/contracts/pool.ts";
import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { offeredTools } from "#shared/contracts/tools.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import { checkLength, checkTokenIds } from "../answers/prompt.ts";
import { RunTable } from "../answers/run_table.ts";
import { randomSeed } from "../engine/seed.ts";
import { matchStops } from "../answers/stop_match.ts";
import { modelRef, queueLimit, type WorkerConfig } from "../config.ts";
import type { LoadContext, Model, PromptFields } from "../model.ts";
import { requireCapability } from "../answers/vector_calls.ts";
import type { Dialect } from "./server_kind.ts";
import { RemoteRun, type RemoteSpec } from "./remote_run.ts";
import { remoteEmbed, remoteRerank } from "./remote_vectors.ts";
import type { OpenaiServer } from "./server.ts";

/** What a {@linkcode RemoteModel} is made of. */
export interface RemoteParts {
  readonly config: WorkerConfig;
  readonly context: LoadContext;
  readonly server: OpenaiServer;
  readonly dialect: Dialect;
  readonly capabilities: readonly Capability[];
  readonly fingerprint: string;
  /** The model's name at the server. */
  readonly name: string;
  readonly contextTokens: number;
  /** Whether the server's health answers. */
  readonly isAnswering: () => boolean;
  readonly memory: () => { readonly pids: readonly number[]; readonly bytes: number };
  /** Ends the server. */
  readonly stop: () => Promise<void>;
}

/** A model that a server with OpenAI's API serves. */
export class RemoteModel implements Model {
  readonly backend: string;
  readonly context: number;
  readonly fingerprint: string;
  readonly capabilities: readonly Capability[];
  readonly savedSlots: undefined;
  readonly #parts: RemoteParts;
  readonly #table: RunTable<RemoteRun>;
  readonly #ticker: ReturnType<typeof setInterval>;
  readonly #closed = new AbortController();
  #active = 0;
  #calls = 0;

  constructor(parts: RemoteParts) {
    this.#parts = parts;
    this.backend = parts.dialect.name;
    this.context = parts.contextTokens;
    this.fingerprint = parts.fingerprint;
    this.capabilities = parts.capabilities;
    this.#table = new RunTable(queueLimit(parts.config));
    this.#ticker = setInterval(() => {
      for (const run of this.#table.all()) run.tick();
    }, parts.config.metrics_interval_ms);
  }

  get pids(): readonly number[] {
    return this.#parts.memory().pids;
  }

  get active(): number {
    return this.#active;
  }

  get waiting(): number {
    return this.#table.waiting;
  }

  get idle(): boolean {
    return this.#table.size === 0 && this.#calls === 0;
  }

  memoryBytes(): number {
    return Deno.memoryUsage().rss + this.#parts.memory().bytes;
  }

  async execute(request: ExecuteRequest, log: Logger): Promise<RemoteRun> {
    requireCapability(this, "generate");
    this.#table.check(request.job_id, request.attempt, this.#free);
    const run = new RemoteRun(await this.#prepare(request), {
      observer: this.#parts.context.observer,
      streamBuffer: this.#parts.config.stream_buffer,
      slowReaderMs: this.#parts.config.slow_reader_ms,
      queueDepth: () => this.#table.waiting,
      isAnswering: this.#parts.isAnswering,
      onEnded: (run, outcome) => {
        this.#table.remove(run);
        this.#parts.context.observer.ended(run, outcome);
        log.info("run_ended", {
          job_id: run.spec.jobId,
          attempt: run.spec.attempt,
          outcome,
          tokens_in: run.tokensIn,
          tokens_cached: run.tokensCached,
          tokens_out: run.tokensOut,
          decode_ms: Math.round(run.decodeMs),
        });
      },
    });
    this.#table.add(run, this.#free);
    this.#startWaiting();
    return run;
  }

  cancel(jobId: string, attempt: number): void {
    this.#table.cancel(jobId, attempt);
  }

  async tokenize(fields: PromptFields): Promise<number[]> {
    requireCapability(this, "tokenize");
    return await this.#parts.dialect.tokens!.tokenize(fields, this.#closed.signal);
  }

  embed(request: Parameters<Model["embed"]>[0], signal: AbortSignal) {
    requireCapability(this, "embed");
    const { server, name } = this.#parts;
    return this.#call(() => remoteEmbed(server, name, request, signal));
  }

  rerank(request: Parameters<Model["rerank"]>[0], signal: AbortSignal) {
    requireCapability(this, "rerank");
    const { server, name } = this.#parts;
    return this.#call(() => remoteRerank(server, name, request, signal));
  }

  async drain(deadlineMs: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, deadlineMs));
    await Promise.race([this.#table.whenIdle(), late]);
    clearTimeout(timer);
    this.failAll("The worker stops; the job can go on elsewhere");
  }

  /** Ends every run with `WORKER_LOST`. */
  failAll(message: string): void {
    for (const run of this.#table.all()) run.fail(new LlorchError("WORKER_LOST", message));
  }

  async close(): Promise<void> {
    clearInterval(this.#ticker);
    this.#closed.abort(new LlorchError("NOT_READY", "The worker stops"));
    await this.#parts.stop();
  }

  get #free(): number {
    return this.#parts.config.slots - this.#active;
  }

  #startWaiting(): void {
    while (this.#free > 0) {
      const run = this.#table.takeNext();
      if (!run) return;
      this.#active++;
      void run.run().finally(() => {
        this.#active--;
        this.#startWaiting();
      });
    }
  }

  /** Tokens where both sides can speak of them, which resumes exactly; else text, which cannot. */
  async #prepare(request: ExecuteRequest): Promise<RemoteSpec> {
    const { dialect, config } = this.#parts;
    const { resume_tokens, resume_index, max_tokens, stop } = request;
    dialect.check?.(request);
    const seed = request.seed ?? randomSeed();
    const common = {
      jobId: request.job_id,
      attempt: request.attempt,
      workerId: config.worker_id,
      modelRef: modelRef(config),
      resumeIndex: resume_index,
      resumed: resume_tokens.length,
      stops: stop,
      seed,
    };
    const { tokens } = dialect;
    // The server alone knows how its model writes calls.
    if (!tokens || offeredTools(request).length > 0) {
      requireFirstAttempt(request, "its engine does not tell the tokens of this answer");
      return {
        ...common,
        tokensIn: undefined,
        alreadyOver: undefined,
        generate: (signal) =>
          dialect.generateText(request, { limit: this.#textLimit(request), seed, signal }),
      };
    }
    const isHeld = request.grammar !== undefined || request.json_schema !== undefined;
    if (isHeld) requireFirstAttempt(request, "its engine would begin the grammar anew");
    const { vocabularySize } = dialect;
    checkTokenIds(request, { ...NO_TOKENIZER, vocabularySize, context: this.context });
    const { signal } = this.#closed;
    const prompt = await tokens.tokenize(request, signal);
    checkLength(prompt, { ...NO_TOKENIZER, vocabularySize, context: this.context });
    const limit = Math.min(max_tokens ?? Infinity, this.context - prompt.length) -
      resume_tokens.length;
    const said = stop.length > 0 && resume_tokens.length > 0
      ? await tokens.detokenize(resume_tokens, signal)
      : "";
    const alreadyOver = matchStops(said, stop).stopAt !== undefined
      ? "STOP_SEQUENCE" as const
      : limit <= 0
      ? "MAX_TOKENS" as const
      : undefined;
    return {
      ...common,
      tokensIn: prompt.length,
      alreadyOver,
      generate: (signal) =>
        tokens.generate(request, {
          tokens: [...prompt, ...resume_tokens],
          limit,
          // Else the numbers that chose the first tokens would choose the next ones, too.
          seed: (seed + resume_tokens.length) >>> 0,
          signal,
        }),
    };
  }

  /** Servers stop a plain completion early unless told; a token has a byte at least. */
  #textLimit({ max_tokens, prompt, prompt_tokens }: ExecuteRequest): number | undefined {
    if (max_tokens !== undefined) return max_tokens;
    const given = prompt_tokens?.length ??
      (prompt === undefined ? undefined : new TextEncoder().encode(prompt).length);
    return given === undefined ? undefined : Math.max(16, this.context - given);
  }

  async #call<T>(work: () => Promise<T>): Promise<T> {
    const limit = this.#parts.config.slots + queueLimit(this.#parts.config);
    if (this.#calls >= limit) {
      const message = `Cannot take the call: ${this.#calls} run and wait already`;
      throw new LlorchError("QUEUE_FULL", message, { retryAfterMs: 1000 });
    }
    this.#calls++;
    try {
      return await work();
    } finally {
      this.#calls--;
    }
  }
}

/** The part of a tokenizer that the checks of a request do not use. */
const NO_TOKENIZER = {
  tokenize(): never {
    throw new TypeError("The tokenizer is the engine's own");
  },
  tokenizeChat(): never {
    throw new TypeError("The tokenizer is the engine's own");
  },
};

function requireFirstAttempt(
  { job_id, resume_tokens, resume_index }: ExecuteRequest,
  why: string,
): void {
  if (resume_tokens.length === 0 && resume_index === 0) return;
  throw new LlorchError(
    "WORKER_LOST",
    `Job "${job_id}" cannot go on from the middle of its answer: ${why}; ask again`,
    { retriable: false },
  );
}
