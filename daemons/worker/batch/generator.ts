import { MOST_KEPT } from "#shared/config/llama.ts";
import type { ExecuteRequest } from "#shared/contracts/request.ts";
import type { Logger } from "#shared/logging.ts";
import {
  checkLength,
  checkPromptLogprobs,
  checkTokenIds,
  type Prompt,
  readPrompt,
} from "../answers/prompt.ts";
import { type Reading, readingOf } from "../answers/reading.ts";
import type { Answer, AnswerObserver } from "../answers/answer.ts";
import { Run, type ThinkingLimit } from "./run.ts";
import { type AttemptOrder, attemptOrder, RunTable } from "../answers/run_table.ts";
import { validationOf, validationOfWhole } from "../grammar/validation.ts";
import { randomSeed } from "../engine/seed.ts";
import type { Slot } from "./slot.ts";
import { StateCache } from "./state_cache.ts";
import { StepLoop } from "./step_loop.ts";
import type { Engine } from "../engine/engine.ts";

/** Dependencies of a {@linkcode Generator}. */
export interface GeneratorOptions {
  readonly engine: Engine;
  readonly workerId: string;
  readonly modelRef: string;
  readonly queueLimit: number;
  readonly prefillChunk: number | undefined;
  readonly prefillSlowdown: number;
  readonly batchSize: number;
  /** Most bytes of states beside the slots; 0: none is kept. */
  readonly cacheBytes: number;
  /** A state is forgotten this long after its last use, in ms. */
  readonly cacheExpireMs: number;
  readonly metricsIntervalMs: number;
  readonly streamBuffer: number;
  readonly slowReaderMs: number;
  readonly observer: AnswerObserver;
  readonly log: Logger;
  /** Called when the engine fails, after which nothing can be generated. */
  readonly onFatal: (error: unknown) => void;
}

/** Accepts and runs requests for a loaded model. */
export class Generator {
  readonly #options: GeneratorOptions;
  readonly #table: RunTable<Run>;
  readonly #loop: StepLoop;
  readonly #cache: StateCache;

  constructor(options: GeneratorOptions) {
    this.#options = options;
    this.#table = new RunTable(options.queueLimit, options.metricsIntervalMs);
    this.#cache = new StateCache({
      mostBytes: options.cacheBytes,
      mostStates: MOST_KEPT * options.engine.sequences.length,
      expireMs: options.cacheExpireMs,
      onError: (error) => options.log.warn("state_not_copied", { error }),
    });
    this.#loop = new StepLoop({
      cache: this.#cache,
      sequences: options.engine.sequences,
      table: this.#table,
      prefillChunk: options.prefillChunk,
      prefillSlowdown: options.prefillSlowdown,
      batchSize: options.batchSize,
      onFatal: (error) => {
        this.#table.failAll("The engine failed; the job can continue elsewhere");
        options.onFatal(error);
      },
    });
  }

  /** Slots in use. */
  get active(): number {
    return this.#loop.active;
  }

  /** Requests that wait for a slot. */
  get waiting(): number {
    return this.#table.waiting;
  }

  /** Memory of the states beside the slots, in bytes. */
  get cacheBytes(): number {
    return this.#cache.bytes;
  }

  /** Whether nothing runs or waits. */
  get idle(): boolean {
    return this.#table.size === 0;
  }

  /**
   * Accepts a request; its events are in the answer's stream.
   *
   * @param log Logger for the answer.
   * @throws {LlorchError} if the request is invalid, too long, or cannot be accepted now
   */
  async execute(request: ExecuteRequest, log = this.#options.log): Promise<Answer> {
    const { engine } = this.#options;
    const order = attemptOrder(request);
    this.#table.check(order, this.#loop.free);
    checkTokenIds(request, engine);
    const prompt = await readPrompt(request, engine);
    try {
      return await this.#run(request, prompt, order, log);
    } catch (error) {
      prompt.release?.();
      throw error;
    }
  }

  /** Accepts a request whose prompt is read; it releases the prompt once it has ended. */
  async #run(
    request: ExecuteRequest,
    prompt: Prompt,
    order: ReturnType<typeof attemptOrder>,
    log: Logger,
  ): Promise<Answer> {
    const { engine, workerId, modelRef } = this.#options;
    checkLength(prompt.tokens, engine);
    checkPromptLogprobs(request, prompt.tokens.length);
    const reading = readingOf(request, prompt, engine);
    const { reader, hold, begun } = reading;
    const thinking = await this.#thinkingLimit(request, reading);
    const seed = request.seed ?? randomSeed();
    const sampling = await engine.createSampling(request, seed, hold, begun);
    const run: Run = new Run({
      ...order,
      workerId,
      modelRef,
      prompt: prompt.tokens,
      resume: request.resume_tokens,
      resumeIndex: request.resume_index,
      maxTokens: request.max_tokens,
      stops: request.stop,
      stopTokens: request.stop_token_ids,
      reader,
      thinking,
      seed,
      sampling,
      release: prompt.release,
      promptLogprobs: request.prompt_logprobs,
      promptProgress: request.prompt_progress,
      tokenTimings: request.token_timings,
      validate: validationOfWhole(begun?.text, validationOf(request, sampling.unheld, log)),
    }, {
      ...this.#options,
      log,
      wake: () => this.#loop.wake(),
      onEnded: () => this.#table.remove(run),
      queueDepth: () => this.#table.waiting,
    });
    try {
      this.#table.add(run, this.#loop.free);
    } catch (error) {
      // What never runs never ends.
      sampling.dispose();
      throw error;
    }
    this.#loop.wake();
    return run.answer;
  }

  async #thinkingLimit(
    { reasoning_budget_tokens, reasoning_effort }: ExecuteRequest,
    { closing, opens, hold }: Reading,
  ): Promise<ThinkingLimit | undefined> {
    const { engine } = this.#options;
    // Some templates have no switch, and their prompts begin a thought.
    const most = reasoning_effort === "none" ? 0 : reasoning_budget_tokens;
    const mustGoOn = hold?.waits ?? false;
    if (closing === undefined || most === undefined && !mustGoOn) return undefined;
    const opening: number[] = [];
    for (const open of opens) {
      const tokens = await engine.tokenizeMarks(open);
      if (tokens.length === 1) opening.push(...tokens);
    }
    return {
      ...{ most: most ?? Infinity, mustGoOn, opening },
      closing: await engine.tokenizeMarks(closing),
    };
  }

  /** See {@linkcode RunTable.cancel}. */
  cancel(order: AttemptOrder): void {
    this.#table.cancel(order);
  }

  /** See {@linkcode StepLoop.withSlot}. */
  withSlot<T>(index: number, work: (slot: Slot) => Promise<T>): Promise<T> {
    return this.#loop.withSlot(index, work);
  }

  /** See {@linkcode RunTable.drain}. */
  drain(deadlineMs: number): Promise<void> {
    return this.#table.drain(deadlineMs);
  }

  async close(): Promise<void> {
    this.#table.close();
    await this.#loop.close();
  }
}
