import { imagesOf, NO_AUDIO, NO_IMAGES, sensesOf } from "#shared/contracts/images.ts";
import type { Capability, ServerLoad } from "#shared/contracts/pool.ts";
import type { ExecuteRequest } from "#shared/contracts/request.ts";
import type { TemplateReply } from "#shared/contracts/worker.ts";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import { DEFAULT_CONTEXT } from "#shared/defaults.ts";
import { UNSTATED_CONTEXT } from "#shared/models/default_load.ts";
import type { Logger } from "#shared/logging.ts";
import { checkVocabulary } from "../answers/pieces.ts";
import { checkLength, checkTokenIds } from "../answers/prompt.ts";
import { type AttemptOrder, attemptOrder, RunTable } from "../answers/run_table.ts";
import { randomSeed } from "../engine/seed.ts";
import { matchStops } from "../answers/stop_match.ts";
import { validationOf } from "../grammar/validation.ts";
import { modelRef, queueLimit, type WorkerConfig } from "../config.ts";
import type { Answer } from "../answers/answer.ts";
import type { PromptFields } from "../answers/prompt.ts";
import type { LoadContext, Model, TokenizedPrompt, TokenizeFields } from "../model.ts";
import { requireCapability } from "../answers/vector_calls.ts";
import { needsChatRoute, refuseSwitch } from "./chat_switches.ts";
import type { ServerKind } from "./server_kind.ts";
import { RemoteRun, type RemoteSpec } from "./remote_run.ts";
import { remoteEmbed, remoteRerank } from "./remote_vectors.ts";
import type { OpenaiServer } from "./server.ts";

/** Dependencies of a {@linkcode RemoteModel}. */
export interface RemoteParts {
  readonly config: WorkerConfig;
  readonly context: LoadContext;
  readonly server: OpenaiServer;
  readonly kind: ServerKind;
  readonly capabilities: readonly Capability[];
  readonly fingerprint: string;
  /** The server's name of the model. */
  readonly name: string;
  readonly contextTokens: number;
  /** Whether the server's last health check succeeded. */
  readonly isAnswering: () => boolean;
  /** What the server last said of its load. */
  readonly load: () => ServerLoad | undefined;
  /** Memory of this host that the model takes, in bytes. */
  readonly memoryBytes: () => number;
  /** Processes of the server on this host. */
  readonly pids: () => readonly number[];
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
  readonly #closed = new AbortController();
  #active = 0;
  #calls = 0;

  constructor(parts: RemoteParts) {
    this.#parts = parts;
    this.backend = parts.kind.name;
    this.context = parts.contextTokens;
    this.fingerprint = parts.fingerprint;
    this.capabilities = parts.capabilities;
    const { config, isAnswering } = parts;
    // Without metrics events while the server does not answer, orchestratord sees a stalled stream.
    this.#table = new RunTable(queueLimit(config), config.metrics_interval_ms, isAnswering);
  }

  get pids(): readonly number[] {
    return this.#parts.pids();
  }

  get active(): number {
    return this.#active;
  }

  get serverLoad(): ServerLoad | undefined {
    return this.#parts.load();
  }

  get waiting(): number {
    return this.#table.waiting;
  }

  get idle(): boolean {
    return this.#table.size === 0 && this.#calls === 0;
  }

  memoryBytes(): number {
    return this.#parts.memoryBytes();
  }

  async execute(request: ExecuteRequest, log: Logger): Promise<Answer> {
    requireCapability(this, "generate");
    this.#table.check(attemptOrder(request), this.#free);
    const { context: { observer }, config } = this.#parts;
    const validate = validationOf(request, undefined, log);
    const run: RemoteRun = new RemoteRun({ ...await this.#prepare(request), validate }, {
      observer,
      log,
      streamBuffer: config.stream_buffer,
      slowReaderMs: config.slow_reader_ms,
      queueDepth: () => this.#table.waiting,
      onEnded: () => this.#table.remove(run),
    });
    this.#table.add(run, this.#free);
    this.#startWaiting();
    return run.answer;
  }

  cancel(order: AttemptOrder): void {
    this.#table.cancel(order);
  }

  async tokenize(fields: TokenizeFields): Promise<TokenizedPrompt> {
    requireCapability(this, "tokenize");
    refuseImages(fields.messages, "the server tells their tokens only with an answer");
    const server = this.#parts.kind.tokens!;
    const { signal } = this.#closed;
    if (!fields.with_pieces) return { tokens: await server.tokenize(fields, signal) };
    return await (server.pieces ?? refuseSwitch("with_pieces"))(fields, signal);
  }

  async detokenize(tokens: readonly number[]): Promise<string> {
    requireCapability(this, "tokenize");
    const { tokens: server, vocabularySize } = this.#parts.kind;
    checkVocabulary(tokens, vocabularySize);
    return await server!.detokenize(tokens, this.#closed.signal);
  }

  async render(chat: PromptFields): Promise<string> {
    requireCapability(this, "tokenize");
    refuseImages(chat.messages, "prompts are shown of texts only");
    const { render } = this.#parts.kind.tokens!;
    return await (render ?? refuseSwitch("messages"))(chat, this.#closed.signal);
  }

  template(): TemplateReply {
    return this.#parts.kind.template ?? { chat_template: "", bos_token: "", eos_token: "" };
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

  drain(deadlineMs: number): Promise<void> {
    return this.#table.drain(deadlineMs);
  }

  /** Ends every run with `WORKER_LOST`. */
  failAll(reason: string): void {
    this.#table.failAll(reason);
  }

  async close(): Promise<void> {
    this.#table.close();
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

  /** Uses tokens if the server can, so that the answer can be resumed; otherwise text. */
  async #prepare(request: ExecuteRequest): Promise<RemoteSpec> {
    const { kind, config } = this.#parts;
    const { resume_tokens, resume_index, max_tokens, stop } = request;
    kind.check?.(request);
    if (!(kind.vision ?? config.openai.vision)) {
      refuseImages(request.messages, "the server of this model reads only text");
    }
    if (sensesOf(request.messages).includes("audio")) {
      const message = `${NO_AUDIO}: the server of this model gets no sound`;
      throw invalidRequest([{ field: "messages", message }]);
    }
    // A server would call the address of any other URL.
    if (imagesOf(request.messages).some(({ image_url: { url } }) => !/^data:/i.test(url))) {
      throw invalidRequest([{ field: "messages", message: "an image must be a data: URL here" }]);
    }
    if (request.prompt_logprobs !== undefined) refuseSwitch("prompt_logprobs");
    const seed = request.seed ?? randomSeed();
    const common = {
      ...attemptOrder(request),
      workerId: config.worker_id,
      modelRef: modelRef(config),
      resumeIndex: resume_index,
      resumed: resume_tokens.length,
      stops: stop,
      seed,
      tokenTimings: request.token_timings,
    };
    const { tokens } = kind;
    const generate = request.suffix !== undefined && kind.infill || kind.generateText;
    if (generate === kind.infill || !tokens || needsChatRoute(request, kind.thinks)) {
      requireFirstAttempt(request, "its engine does not return the tokens of this answer");
      return {
        ...common,
        tokensIn: undefined,
        alreadyOver: undefined,
        generate: (signal) => generate(request, { limit: this.#textLimit(request), seed, signal }),
      };
    }
    const isHeld = request.grammar !== undefined || request.json_schema !== undefined;
    if (isHeld) requireFirstAttempt(request, "its engine would begin the grammar again");
    if (request.mirostat) requireFirstAttempt(request, "its engine would begin mirostat again");
    const { vocabularySize } = kind;
    checkTokenIds(request, { ...NO_TOKENIZER, vocabularySize, context: this.context });
    const { signal } = this.#closed;
    const prompt = await tokens.tokenize(request, signal);
    checkLength(prompt, { ...NO_TOKENIZER, vocabularySize, context: this.context });
    const limit = Math.min(max_tokens ?? Infinity, this.context - prompt.length) -
      resume_tokens.length;
    const resumedText = stop.length > 0 && resume_tokens.length > 0
      ? await tokens.detokenize(resume_tokens, signal)
      : "";
    const found = matchStops(resumedText, stop).stop;
    const alreadyOver = found !== undefined
      ? { reason: "STOP_SEQUENCE" as const, stop: found }
      : limit <= 0
      ? { reason: "MAX_TOKENS" as const }
      : undefined;
    return {
      ...common,
      tokensIn: prompt.length,
      alreadyOver,
      generate: (signal) =>
        tokens.generate(request, {
          tokens: [...prompt, ...resume_tokens],
          limit,
          // With the same seed, the random numbers of the first tokens would be used again.
          seed: (seed + resume_tokens.length) >>> 0,
          signal,
        }),
    };
  }

  /** Servers have a low default limit for completions; a token has at least one byte. */
  #textLimit({ max_tokens, prompt, prompt_tokens }: ExecuteRequest): number | undefined {
    if (max_tokens !== undefined) return max_tokens;
    const given = prompt_tokens?.length ??
      (prompt === undefined ? undefined : new TextEncoder().encode(prompt).length);
    if (given === undefined) return undefined;
    // Many servers refuse a limit above their context. Here the context is not known.
    const context = this.context === UNSTATED_CONTEXT ? DEFAULT_CONTEXT : this.context;
    return Math.max(16, context - given);
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

/** The methods of a tokenizer that the checks of a request do not call. */
const NO_TOKENIZER = {
  tokenize(): never {
    throw new TypeError("The tokenizer is the engine's own");
  },
  tokenizeGap(): never {
    throw new TypeError("The tokenizer is the engine's own");
  },
  tokenizeChat(): never {
    throw new TypeError("The tokenizer is the engine's own");
  },
};

/** @throws {LlorchError} `INVALID_REQUEST` if a message has an image */
function refuseImages(messages: PromptFields["messages"], why: string): void {
  if (imagesOf(messages).length === 0) return;
  throw invalidRequest([{ field: "messages", message: `${NO_IMAGES}: ${why}` }]);
}

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
