import type { LlamaModel } from "node-llama-cpp";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Chosen, EngineSequence, Generation, Odds, Sampling, StateMark } from "../engine.ts";
import type { Batcher } from "./batcher.ts";
import { type NativeContext, type NativeSampler, nativeSampler } from "./native.ts";
import { ModelOdds } from "./model_odds.ts";
import { LlamaSampling } from "./sampling.ts";
import { bearsMark, withMark } from "./state_mark.ts";

/** Dependencies of a {@linkcode LlamaSequence}. */
export interface LlamaSequenceOptions {
  readonly id: number;
  readonly model: LlamaModel;
  readonly native: NativeContext;
  readonly batcher: Batcher;
  /** Most tokens that it holds. */
  readonly context: number;
  /** Whether it can be cut back to an earlier token; recurrent and windowed states cannot. */
  readonly canCut: boolean;
  /** Guesses the next tokens; undefined: nothing is guessed. */
  readonly predictor: Predictor | undefined;
}

/** Guesses tokens, so that several can be checked in one step. */
export interface Predictor {
  /** Guesses the tokens that follow, at most `limit`. */
  guess(
    tokens: readonly number[],
    limit: number,
  ): readonly number[] | Promise<readonly number[]>;
  /** Called with how many of the guessed tokens were right. */
  learn(guessed: number, right: number): void;
}

/** One slot, as a sequence of the context that all slots share. */
export class LlamaSequence implements EngineSequence {
  readonly #options: LlamaSequenceOptions;
  readonly #sampler: NativeSampler;
  readonly #odds: ModelOdds;
  /** The evaluated tokens. */
  #tokens: number[] = [];
  /** The adapter that they were evaluated with. */
  #adapter: object | undefined;

  constructor(options: LlamaSequenceOptions) {
    this.#options = options;
    this.#sampler = nativeSampler(options.model);
    this.#odds = new ModelOdds(() => nativeSampler(options.model));
  }

  sharedPrefix(tokens: readonly number[], sampling: Sampling): number {
    if (own(sampling).adapter !== this.#adapter) return 0;
    const held = this.#tokens;
    let shared = 0;
    while (shared < held.length && held[shared] === tokens[shared]) shared++;
    return shared;
  }

  trim(length: number): number {
    const { native, id, canCut } = this.#options;
    if (length > 0 && length >= this.#tokens.length) return this.#tokens.length;
    if (length > 0 && canCut && native.removeTokenCellsFromSequence(id, length, -1)) {
      this.#tokens.length = length;
    } else {
      native.disposeSequence(id);
      this.#tokens = [];
    }
    return this.#tokens.length;
  }

  async prefill(tokens: readonly number[], sampling: Sampling): Promise<void> {
    this.#adapter = own(sampling).adapter;
    await this.#options.batcher.run(this.#part(tokens, 0), () => Promise.resolve());
    this.#tokens.push(...tokens);
  }

  async score(
    tokens: readonly number[],
    next: readonly number[],
    count: number,
    sampling: Sampling,
  ): Promise<readonly Odds[]> {
    this.#adapter = own(sampling).adapter;
    return await this.#options.batcher.run(
      this.#part(tokens, tokens.length),
      async (rows, sample) => {
        this.#tokens.push(...tokens);
        const found: Odds[] = [];
        for (const [index, row] of rows.entries()) {
          found.push(await this.#odds.read(row, next[index]!, count, sample));
        }
        return found;
      },
    );
  }

  generate(tokens: readonly number[], sampling: Sampling): Generation {
    const choices = own(sampling);
    this.#adapter = choices.adapter;
    let input = tokens;
    choices.begin(this.#sampler);
    return {
      next: async () => {
        const chosen = await this.#step(input, choices);
        input = [chosen.at(-1)!.token];
        return chosen;
      },
      close: () => choices.end(this.#sampler),
    };
  }

  async save(path: string, mark: StateMark): Promise<number> {
    const { native, batcher, id } = this.#options;
    // Another worker may have another adapter with the same name.
    if (this.#tokens.length === 0 || this.#adapter) return 0;
    const tokens = withMark(mark, this.#tokens);
    await batcher.between(() => native.saveSequenceStateToFile(path, id, tokens));
    return this.#tokens.length;
  }

  async restore(path: string, mark: StateMark): Promise<number> {
    const { native, batcher, id, context } = this.#options;
    const failed = (reason: string, cause?: unknown) =>
      new LlorchError("CONFLICT", `Cannot restore a slot from ${path}: ${reason}`, { cause });
    if (!await bearsMark(path, mark)) {
      throw failed("it was not saved by a worker with this model and these settings");
    }
    this.trim(0);
    try {
      const limit = mark.length + context;
      const marked = await batcher.between(() => native.loadSequenceStateFromFile(path, id, limit));
      this.#tokens = [...marked.subarray(mark.length)];
      this.#adapter = undefined;
    } catch (error) {
      this.trim(0);
      throw failed(errorMessage(error), error);
    }
    return this.#tokens.length;
  }

  /** Evaluates tokens and the guessed ones after them, and chooses until a guess is wrong. */
  async #step(input: readonly number[], sampling: LlamaSampling): Promise<readonly Chosen[]> {
    const { batcher, predictor, context, native, id } = this.#options;
    const room = context - this.#tokens.length - input.length;
    const guess = predictor && room > 0 ? predictor.guess([...this.#tokens, ...input], room) : [];
    // Await only if needed: a wait would miss the batch of this turn.
    const guessed = guess instanceof Promise ? await guess : guess;
    const part = this.#part([...input, ...guessed], 1 + guessed.length);
    return await batcher.run(part, async (rows, sample) => {
      this.#tokens.push(...input);
      const chosen = await sampling.choose(this.#sampler, this.#odds, rows, guessed, sample);
      const right = chosen.length - 1;
      this.#tokens.push(...guessed.slice(0, right));
      if (right < guessed.length) native.removeTokenCellsFromSequence(id, this.#tokens.length, -1);
      if (guessed.length > 0) predictor!.learn(guessed.length, right);
      return chosen;
    });
  }

  #part(tokens: readonly number[], outputs: number) {
    const { id: sequence } = this.#options;
    const position = this.#tokens.length;
    return { sequence, position, tokens, outputs, adapter: this.#adapter };
  }
}

function own(sampling: Sampling): LlamaSampling {
  if (sampling instanceof LlamaSampling) return sampling;
  throw new TypeError("The sampling is not llama.cpp's");
}
