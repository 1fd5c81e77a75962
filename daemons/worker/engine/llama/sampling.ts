import { deadline, LATE } from "#shared/deadline.ts";
import { type Llama, LlamaGrammarEvaluationState, type LlamaModel } from "node-llama-cpp";
import { errorMessage, invalidRequest, LlorchError } from "#shared/errors.ts";
import { seedAt } from "../seed.ts";
import { type Chosen, EngineStuck, type Sampling, type SamplingRequest } from "../engine.ts";
import { requestGrammar } from "../../grammar/request_grammar.ts";
import type { Sample } from "./batcher.ts";
import {
  acceptToken,
  type NativeChoice,
  nativeGrammar,
  type NativeSampler,
  NO_TOKEN,
  type SamplerConfig,
} from "./native.ts";

/** Tokens that the penalties look back on, as in llama.cpp. */
const PENALTY_WINDOW = 64;
/** A bias of this much or less forbids the token. */
const FORBIDDEN = -100;
/** A token is chosen in some milliseconds; by a grammar that takes this long, perhaps never. */
const CHOICE_DEADLINE_MS = 5_000;
/** What a logarithm of nothing is told as: JSON has no infinity, and OpenAI says this. */
const IMPOSSIBLE = -9999;

/** What a {@linkcode LlamaSampling} is made of. */
export interface LlamaSamplingParts {
  readonly llama: Llama;
  readonly request: SamplingRequest;
  readonly seed: number;
  readonly grammar: LlamaGrammarEvaluationState | undefined;
  /** The adapter that the request names, loaded. */
  readonly adapter: object | undefined;
  /** Whether a token ends a generation. */
  readonly endsGeneration: (token: number) => boolean;
}

/** How tokens of one request are chosen by llama.cpp. */
export class LlamaSampling implements Sampling {
  /** What the request's tokens are computed with. */
  readonly adapter: object | undefined;
  readonly #parts: LlamaSamplingParts;
  /** What the sampler is told, but for the seed and the tokens to penalize. */
  readonly #fixed: SamplerConfig;
  readonly #grammar: object | undefined;
  /** Tokens that llama.cpp chooses only where it has no other. */
  readonly #forbidden: ReadonlySet<number>;
  readonly #penalizes: boolean;
  #recent: number[] = [];
  #position = 0;

  constructor(parts: LlamaSamplingParts) {
    const { request, grammar } = parts;
    this.#parts = parts;
    this.adapter = parts.adapter;
    this.#grammar = grammar && nativeGrammar(grammar);
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
      ...(this.#grammar ? { grammarEvaluationState: this.#grammar } : {}),
      ...(request.logit_bias ? biases(request.logit_bias) : {}),
    };
  }

  see(prompt: readonly number[]): void {
    this.#recent = prompt.slice(-PENALTY_WINDOW);
  }

  replay(token: number): void {
    if (this.#grammar) {
      try {
        acceptToken(this.#parts.llama, this.#grammar, token);
      } catch (error) {
        throw invalidRequest([{
          field: "resume_tokens",
          message: `the grammar does not allow token ${token}: ${errorMessage(error)}`,
        }]);
      }
    }
    this.#remember(token);
  }

  /** Takes a sampler over that served another request. */
  begin(sampler: NativeSampler): void {
    // A sampler that is told the seed it has goes on where it was, instead of from that seed.
    sampler.applyConfig({ ...this.#config(), seed: this.#nextSeed + 1 });
  }

  /** Gives the sampler back; it holds nothing of this request any more. */
  end(sampler: NativeSampler): void {
    sampler.applyConfig({});
  }

  /**
   * Chooses after each row, as long as what was guessed is what is chosen: one token more than
   * guesses that were right. Each token is chosen as if nothing had been guessed.
   *
   * @throws {LlorchError} `INVALID_REQUEST` where the grammar or the biases leave no token to choose,
   * `WORKER_LOST` where the model itself gives none.
   * @throws {EngineStuck} where it takes too long.
   */
  async choose(
    sampler: NativeSampler,
    rows: Uint32Array,
    guessed: readonly number[],
    sample: Sample,
  ): Promise<readonly Chosen[]> {
    const { logprobs } = this.#parts.request;
    const odds = { all: (logprobs ?? 0) > 0, own: logprobs !== undefined };
    const chosen: Chosen[] = [];
    for (const [index, row] of rows.entries()) {
      sampler.applyConfig(this.#config());
      const choice = await this.#inTime(sample(row, sampler, odds))
        .then((choice) => choice[0] === NO_TOKEN ? Promise.reject(new NoToken()) : choice)
        .catch(async (error) => {
          if (!(error instanceof EngineStuck)) await checkLogits(row, sampler, sample, error);
          return this.#refuse(error);
        });
      const [token] = choice;
      if (this.#forbidden.has(token)) {
        await checkLogits(row, sampler, sample, undefined);
        this.#refuseForbidden(token);
      }
      chosen.push(logprobs === undefined ? { token } : withOdds(choice, logprobs));
      this.#remember(token);
      if (token !== guessed[index] || this.#parts.endsGeneration(token)) break;
    }
    return chosen;
  }

  get #nextSeed(): number {
    return seedAt(this.#parts.seed, this.#position);
  }

  #config(): SamplerConfig {
    return {
      ...this.#fixed,
      seed: this.#nextSeed,
      ...(this.#penalizes ? { repeatPenaltyTokens: Uint32Array.from(this.#recent) } : {}),
    };
  }

  /** A grammar of some words can have more ways to go on than anybody can count. */
  async #inTime<T>(choice: Promise<T>): Promise<T> {
    if (!this.#grammar) return await choice;
    const chosen = await deadline(choice, CHOICE_DEADLINE_MS);
    if (chosen !== LATE) return chosen;
    const seconds = CHOICE_DEADLINE_MS / 1000;
    throw new EngineStuck(`The grammar takes more than ${seconds} s for a token: simplify it`);
  }

  /** An error of the sampler, as the request's own fault where it left no token to choose. */
  #refuse(error: unknown): never {
    if (!this.#grammar || error instanceof EngineStuck) throw error;
    throw new LlorchError(
      "INVALID_REQUEST",
      "The grammar leaves no token to choose: logit_bias forbids it, or the model has none for it",
      { cause: error },
    );
  }

  /** llama.cpp chooses a token that is forbidden where all are. */
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
    if (!this.#penalizes) return;
    this.#recent.push(token);
    if (this.#recent.length > PENALTY_WINDOW) this.#recent.shift();
  }
}

class NoToken extends Error {
  override readonly message = "llama.cpp gave no token";
}

/**
 * Looks at a row that no token could be chosen from, as if the request had asked for nothing special:
 * what a model of damaged weights computes is not a number, which is no fault of the request.
 *
 * @throws {LlorchError} `WORKER_LOST` when it has no token either.
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

function withOdds([token, all = [], own = 0]: NativeChoice, count: number): Chosen {
  const told = Math.min(count, all.length / 2);
  return {
    token,
    odds: {
      logprob: logarithm(own),
      top: Array.from(
        { length: told },
        (_, n) => ({ token: all[2 * n]!, logprob: logarithm(all[2 * n + 1]!) }),
      ),
    },
  };
}

function logarithm(probability: number): number {
  return Math.max(Math.log(probability), IMPOSSIBLE);
}

/**
 * The state of the grammar that a request asks for; undefined when it asks for none.
 *
 * @throws {LlorchError} `INVALID_REQUEST` naming the field.
 */
export async function createGrammar(
  llama: Llama,
  model: LlamaModel,
  request: SamplingRequest,
): Promise<LlamaGrammarEvaluationState | undefined> {
  const made = requestGrammar(request);
  if (!made) return undefined;
  const { field, text } = made;
  try {
    const compiled = await llama.createGrammar({ grammar: text });
    return new LlamaGrammarEvaluationState({ model, grammar: compiled });
  } catch (error) {
    // Nothing that is known: all that it refuses has been looked for.
    throw invalidRequest([{ field, message: `llama.cpp cannot use it: ${errorMessage(error)}` }]);
  }
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
