import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Chosen, EngineSequence, Generation, Odds, Sampling, StateMark } from "../engine.ts";
import type { Predictor } from "./guess/predictor.ts";
import { bearsMark, withMark } from "./state_mark.ts";
import type { EngineThread } from "./engine_thread.ts";
import type { Choice, PartOrder } from "./thread/messages.ts";
import { LibllamaSampling } from "./sampling.ts";
import type { StepCollector } from "./step_collector.ts";

/** Dependencies of a {@linkcode LibllamaSequence}. */
export interface SequenceOptions {
  readonly id: number;
  readonly thread: EngineThread;
  /** Number of its context. */
  readonly contextId: number;
  readonly collector: StepCollector;
  /** Most tokens that it holds. */
  readonly context: number;
  /** Whether it can be cut back to an earlier token; recurrent and windowed states cannot. */
  readonly canCut: boolean;
  /** Guesses the next tokens; undefined: nothing is guessed. */
  readonly predictor: Predictor | undefined;
}

/** One slot, as a sequence of the context that all slots share. */
export class LibllamaSequence implements EngineSequence {
  readonly #options: SequenceOptions;
  /** The evaluated tokens. */
  #tokens: number[] = [];
  /** The adapter that they were evaluated with; 0: none. */
  #adapter = 0;

  constructor(options: SequenceOptions) {
    this.#options = options;
  }

  sharedPrefix(tokens: readonly number[], sampling: Sampling): number {
    if (own(sampling).adapter !== this.#adapter) return 0;
    const held = this.#tokens;
    let shared = 0;
    while (shared < held.length && held[shared] === tokens[shared]) shared++;
    return shared;
  }

  trim(length: number): number {
    const { id, collector, canCut } = this.#options;
    if (length > 0 && length >= this.#tokens.length) return this.#tokens.length;
    const left = canCut ? length : 0;
    collector.cut(id, left);
    this.#tokens.length = Math.min(left, this.#tokens.length);
    return this.#tokens.length;
  }

  async prefill(tokens: readonly number[], sampling: Sampling): Promise<void> {
    this.#adapter = own(sampling).adapter;
    await this.#options.collector.run(this.#part(tokens, 0));
    this.#tokens.push(...tokens);
  }

  async score(
    tokens: readonly number[],
    next: readonly number[],
    count: number,
    sampling: Sampling,
  ): Promise<readonly Odds[]> {
    this.#adapter = own(sampling).adapter;
    const part = { ...this.#part(tokens, tokens.length), score: { next, count } };
    const { scores } = await this.#options.collector.run(part);
    this.#tokens.push(...tokens);
    return scores;
  }

  generate(tokens: readonly number[], sampling: Sampling, most = 1): Generation {
    const choices = own(sampling);
    this.#adapter = choices.adapter;
    let input = tokens;
    let left = most;
    return {
      next: async (wantsMore = () => true) => {
        const chosen = await this.#step(input, choices, left > 1, wantsMore);
        left -= chosen.length;
        input = [chosen.at(-1)!.token];
        return chosen;
      },
      close() {},
    };
  }

  async save(path: string, mark: StateMark): Promise<number> {
    const { thread, contextId: context, id: sequence, collector } = this.#options;
    // Another worker may have another adapter with the same name.
    if (this.#tokens.length === 0 || this.#adapter !== 0) return 0;
    const tokens = withMark(mark, this.#tokens);
    await thread.call("save", { context, cuts: collector.takeCuts(), sequence, path, tokens });
    return this.#tokens.length;
  }

  async restore(path: string, mark: StateMark): Promise<number> {
    const { thread, contextId, id: sequence, collector, context } = this.#options;
    const failed = (reason: string, cause?: unknown) =>
      new LlorchError("CONFLICT", `Cannot restore a slot from ${path}: ${reason}`, { cause });
    if (!await bearsMark(path, mark)) {
      throw failed("it was not saved by a worker with this model and these settings");
    }
    this.trim(0);
    try {
      const marked = await thread.call("restore", {
        ...{ context: contextId, cuts: collector.takeCuts(), sequence, path },
        limit: mark.length + context,
      });
      this.#tokens = [...marked.subarray(mark.length)];
      this.#adapter = 0;
    } catch (error) {
      this.trim(0);
      throw failed(errorMessage(error), error);
    }
    return this.#tokens.length;
  }

  /** Evaluates tokens and the guessed ones after them, and chooses until a guess is wrong. */
  async #step(
    input: readonly number[],
    sampling: LibllamaSampling,
    goesOn: boolean,
    wantsMore: (chosen: Chosen) => boolean,
  ): Promise<readonly Chosen[]> {
    using _ = sampling.use();
    const { collector, predictor, canCut, context, id } = this.#options;
    const room = context - this.#tokens.length - input.length;
    const guess = predictor && room > 0 ? predictor.guess([...this.#tokens, ...input], room) : [];
    // Await only if needed: a wait would miss the step of this turn.
    const guessed = guess instanceof Promise ? await guess : guess;
    const follows = sampling.follows;
    const { choices } = await collector.run({
      ...this.#part([...input, ...guessed], 1 + guessed.length),
      goesOn: goesOn && room > 0 && canCut && predictor === undefined,
      // What holds after a token is decided here, so these are chosen one by one.
      choose: sampling.order(follows ? [] : guessed),
    });
    this.#tokens.push(...input);
    const chosen: Chosen[] = [];
    const take = (choice: Choice): boolean => {
      const one = sampling.take(choice);
      chosen.push(one);
      return wantsMore(one);
    };
    let isWanted = choices.every(take);
    if (chosen.length < choices.length) sampling.drop();
    while (follows && isWanted && chosen.length <= guessed.length) {
      const { token } = chosen.at(-1)!;
      if (token !== guessed[chosen.length - 1] || sampling.ends(token)) break;
      isWanted = take(await collector.choose(id, chosen.length, sampling.order([])));
    }
    const right = chosen.length - 1;
    this.#tokens.push(...guessed.slice(0, right));
    if (right < guessed.length) collector.cut(id, this.#tokens.length);
    // Where the run wanted no more, the guess was not wrong.
    if (guessed.length > 0 && isWanted) predictor!.learn(guessed.length, right);
    return chosen;
  }

  #part(tokens: readonly number[], outputs: number): PartOrder {
    const { id: sequence } = this.#options;
    const position = this.#tokens.length;
    return { sequence, position, tokens, outputs, adapter: this.#adapter };
  }
}

function own(sampling: Sampling): LibllamaSampling {
  if (sampling instanceof LibllamaSampling) return sampling;
  throw new TypeError("The sampling is not llama.cpp's");
}
