import { deadline, LATE } from "#shared/deadline.ts";
import type { Llama } from "node-llama-cpp";
import { errorMessage, invalidRequest, LlorchError } from "#shared/errors.ts";
import { seedAt } from "../seed.ts";
import {
  type AnswerHold,
  type AnswerWatch,
  type Chosen,
  EngineStuck,
  type Sampling,
  type SamplingRequest,
} from "../engine.ts";
import type { Sample, Wanted } from "./batcher.ts";
import type { Grammars, NewState } from "./grammars.ts";
import { type ModelOdds, sampledOdds } from "./model_odds.ts";
import {
  acceptToken,
  type NativeChoice,
  type NativeSampler,
  NO_TOKEN,
  type SamplerConfig,
} from "./native.ts";

/** Number of last tokens that the penalties apply to, as in llama.cpp. */
const PENALTY_WINDOW = 64;
/** A bias of this much or less forbids the token. */
const FORBIDDEN = -100;
/** Longest time to choose a token with a grammar; usually it takes some milliseconds. */
const CHOICE_DEADLINE_MS = 5_000;

/** Options of {@linkcode LlamaSampling}. */
export interface LlamaSamplingParts {
  readonly llama: Llama;
  readonly request: SamplingRequest;
  readonly seed: number;
  readonly grammars: Grammars;
  /** Tells which of them holds; undefined: always the first. */
  readonly hold: Pick<AnswerHold, "watch" | "waits"> | undefined;
  /** The adapter that the request names, loaded. */
  readonly adapter: object | undefined;
  /** Whether a token ends a generation. */
  readonly endsGeneration: (token: number) => boolean;
}

/** The sampling of one request in llama.cpp. */
export class LlamaSampling implements Sampling {
  /** The adapter with which the request's tokens are computed. */
  readonly adapter: object | undefined;
  readonly unheld: readonly string[];
  readonly #parts: LlamaSamplingParts;
  /** The sampler's configuration without the seed and the tokens to penalise. */
  #fixed: SamplerConfig;
  /** The grammar that holds now. */
  #grammar: object | undefined;
  /** Whether it holds a call that the model need not make: it is given up where it cannot hold. */
  #isLazy = false;
  /** Where the call begins that is being written, held or not. */
  #callStart: number | undefined;
  /** Tokens that llama.cpp chooses only if it has no other. */
  readonly #forbidden: ReadonlySet<number>;
  readonly #penalizes: boolean;
  #recent: number[] = [];
  #position = 0;

  constructor(parts: LlamaSamplingParts) {
    const { request, grammars, hold } = parts;
    this.#parts = parts;
    this.adapter = parts.adapter;
    this.unheld = grammars.unheld;
    this.#grammar = hold?.waits && hold.watch.isThinking ? undefined : grammars.first?.();
    this.#forbidden = forbiddenBy(request.logit_bias ?? {});
    this.#penalizes = request.repetition_penalty !== 1 || request.frequency_penalty !== 0 ||
      request.presence_penalty !== 0;
    this.#fixed = {
      temperature: request.temperature,
      topP: request.top_p,
      topK: request.top_k,
      minP: request.min_p,
      repeatPenalty: request.repetition_penalty,
      repeatPenaltyMaxTokens: PENALTY_WINDOW,
      repeatPenaltyFrequencyPenalty: request.frequency_penalty,
      repeatPenaltyPresencePenalty: request.presence_penalty,
      ...biases(request.logit_bias ?? {}),
    };
  }

  forbid(tokens: readonly number[]): void {
    const forbidden = Object.fromEntries(tokens.map((token) => [token, FORBIDDEN]));
    const { logit_bias } = this.#parts.request;
    this.#fixed = { ...this.#fixed, ...biases({ ...logit_bias, ...forbidden }) };
  }

  see(prompt: readonly number[]): void {
    this.#recent = prompt.slice(-PENALTY_WINDOW);
  }

  replay(token: number): void {
    if (this.#grammar) {
      try {
        acceptToken(this.#parts.llama, this.#grammar, token);
      } catch (error) {
        if (this.#isLazy) this.#giveUp();
        else {throw invalidRequest([{
            field: "resume_tokens",
            message: `the grammar does not allow token ${token}: ${errorMessage(error)}`,
          }]);}
      }
    }
    this.#remember(token);
  }

  /** Prepares a sampler that served another request. */
  begin(sampler: NativeSampler): void {
    // With the same seed as before, the sampler would go on from its state instead of that seed.
    sampler.applyConfig({ ...this.#config(), seed: this.#nextSeed + 1 });
  }

  /** Removes this request's configuration from the sampler. */
  end(sampler: NativeSampler): void {
    sampler.applyConfig({});
  }

  /**
   * Chooses a token after each row, until one differs from the guess: so it returns one token more
   * than the right guesses. Each token is chosen as if nothing had been guessed.
   *
   * @param odds Reads probabilities before sampling, if the request asks for them.
   * @throws {LlorchError} `INVALID_REQUEST` if the grammar or the biases leave no token to choose,
   * `WORKER_LOST` if the model itself gives none
   * @throws {EngineStuck} if the grammar takes too long
   */
  async choose(
    sampler: NativeSampler,
    odds: ModelOdds,
    rows: Uint32Array,
    guessed: readonly number[],
    sample: Sample,
  ): Promise<readonly Chosen[]> {
    const { logprobs, post_sampling_probs: isPostSampling = false } = this.#parts.request;
    const wanted = logprobs !== undefined && isPostSampling
      ? { all: logprobs > 0, own: true }
      : { all: false, own: false };
    const chosen: Chosen[] = [];
    for (const [index, row] of rows.entries()) {
      const choice = await this.#sample(row, sampler, sample, wanted);
      const [token] = choice;
      chosen.push({
        token,
        ...(logprobs === undefined ? {} : {
          odds: isPostSampling
            ? sampledOdds(choice, logprobs)
            : await odds.read(row, token, logprobs, sample),
        }),
      });
      // Where the answer must go on, its end is left out, as for a worker that goes on with it.
      if (this.#parts.endsGeneration(token)) break;
      this.#remember(token);
      if (token !== guessed[index]) break;
    }
    return chosen;
  }

  /** Chooses a token after a row. */
  async #sample(
    row: number,
    sampler: NativeSampler,
    sample: Sample,
    wanted: Wanted,
  ): Promise<NativeChoice> {
    sampler.applyConfig(this.#config());
    try {
      const choice = await this.#inTime(sample(row, sampler, wanted));
      if (choice[0] === NO_TOKEN) throw new NoToken();
      if (!this.#forbidden.has(choice[0])) return choice;
      if (!this.#isLazy) {
        await checkLogits(row, sampler, sample, undefined);
        this.#refuseForbidden(choice[0]);
      }
    } catch (error) {
      if (error instanceof EngineStuck || error instanceof LlorchError) throw error;
      if (!this.#isLazy) {
        await checkLogits(row, sampler, sample, error);
        this.#refuse(error);
      }
    }
    this.#giveUp();
    return await this.#sample(row, sampler, sample, wanted);
  }

  /** Nothing holds what follows. */
  #giveUp(): void {
    this.#grammar = undefined;
    this.#isLazy = false;
  }

  /** Changes the grammar where a thought or a call begins or ends. */
  #follow(token: number): void {
    const { hold, grammars } = this.#parts;
    if (!hold) return;
    const { watch, waits } = hold;
    const wasThinking = watch.isThinking;
    watch.push(token);
    if (waits && watch.isThinking) this.#giveUp();
    else if (waits && wasThinking) this.#grammar = grammars.afterThought?.();
    if (grammars.calls) this.#followCall(watch, grammars.calls);
  }

  #followCall(watch: AnswerWatch, newState: NewState): void {
    if (watch.callStart === this.#callStart) return;
    this.#callStart = watch.callStart;
    if (watch.callStart === undefined) return this.#giveUp();
    const grammar = newState();
    try {
      for (const token of watch.callTokens()) acceptToken(this.#parts.llama, grammar, token);
      this.#grammar = grammar;
      this.#isLazy = true;
    } catch {
      // It is written in a way that is not held.
      this.#giveUp();
    }
  }

  get #nextSeed(): number {
    return seedAt(this.#parts.seed, this.#position);
  }

  #config(): SamplerConfig {
    return {
      ...this.#fixed,
      ...(this.#grammar ? { grammarEvaluationState: this.#grammar } : {}),
      seed: this.#nextSeed,
      ...(this.#penalizes ? { repeatPenaltyTokens: Uint32Array.from(this.#recent) } : {}),
    };
  }

  /**
   * Limits the time of a choice with a grammar: a short grammar can have countless ways to go on.
   */
  async #inTime<T>(choice: Promise<T>): Promise<T> {
    if (!this.#grammar) return await choice;
    const chosen = await deadline(choice, CHOICE_DEADLINE_MS);
    if (chosen !== LATE) return chosen;
    const seconds = CHOICE_DEADLINE_MS / 1000;
    throw new EngineStuck(`The grammar takes more than ${seconds} s for a token: simplify it`);
  }

  /** Throws a sampler's error; with a grammar, it means that no token is left to choose. */
  #refuse(error: unknown): never {
    if (!this.#grammar) throw error;
    throw new LlorchError(
      "INVALID_REQUEST",
      "The grammar leaves no token to choose: logit_bias forbids it, or the model has none for it",
      { cause: error },
    );
  }

  /** Throws because llama.cpp chose a forbidden token, which it does only if all are forbidden. */
  #refuseForbidden(token: number): never {
    const cause = new Error(`llama.cpp chose the forbidden token ${token}`);
    if (this.#grammar) this.#refuse(cause);
    throw new LlorchError(
      "INVALID_REQUEST",
      `logit_bias leaves no token to choose: it forbids ${this.#forbidden.size}`,
      { cause },
    );
  }

  #remember(token: number): void {
    this.#position++;
    this.#follow(token);
    if (!this.#penalizes) return;
    this.#recent.push(token);
    if (this.#recent.length > PENALTY_WINDOW) this.#recent.shift();
  }
}

class NoToken extends Error {
  override readonly message = "llama.cpp gave no token";
}

/**
 * Samples a row without the request's settings, after no token could be chosen with them. If that
 * fails too, the logits are not numbers: the weights are damaged, and the request is not at fault.
 *
 * @throws {LlorchError} `WORKER_LOST` if that fails, too
 */
async function checkLogits(
  row: number,
  sampler: NativeSampler,
  sample: Sample,
  cause: unknown,
): Promise<void> {
  sampler.applyConfig({});
  const plain = await sample(row, sampler, { all: false, own: true }).catch(() => undefined);
  if (plain && plain[0] !== NO_TOKEN && Number.isFinite(plain[2])) return;
  throw new LlorchError(
    "WORKER_LOST",
    "The model computes no numbers to choose a token by: its file is damaged or was written over",
    { cause },
  );
}

function forbiddenBy(biases: Readonly<Record<string, number>>): ReadonlySet<number> {
  const forbidden = Object.entries(biases).filter(([, bias]) => bias <= FORBIDDEN);
  return new Set(forbidden.map(([token]) => Number(token)));
}

function biases(given: Readonly<Record<string, number>>): SamplerConfig {
  const entries = Object.entries(given);
  if (entries.length === 0) return {};
  return {
    tokenBiasKeys: Uint32Array.from(entries, ([token]) => Number(token)),
    tokenBiasValues: Float32Array.from(entries, ([, bias]) => bias <= FORBIDDEN ? -Infinity : bias),
  };
}
