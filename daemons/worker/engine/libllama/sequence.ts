import { errorMessage, LlorchError } from "#shared/errors.ts";
import type {
  Chosen,
  EngineSequence,
  Generation,
  KeptState,
  Odds,
  Sampling,
  StateMark,
} from "../engine.ts";
import type { Predictor } from "./guess/predictor.ts";
import type { CheckpointBook } from "./held/checkpoint_book.ts";
import { commonLength } from "../common_length.ts";
import { CutRange, type Memory } from "./held/cut_range.ts";
import { isMedia, runEnd, tellingLength, wholeLength } from "../media_tokens.ts";
import { placesToKeep } from "./held/places.ts";
import type { Media } from "./media.ts";
import {
  bearsMark,
  markedSize,
  MOST_SAVED,
  type SavedCheckpoint,
  withMark,
  withoutMark,
} from "./state_mark.ts";
import type { EngineThread } from "./engine_thread.ts";
import { type CopiedFacts, LibllamaKeptState, sharedByCopy } from "./kept_state.ts";
import type { Choice, PartOrder, PartResult } from "./thread/messages.ts";
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
  /** Most tokens of a batch. */
  readonly batchSize: number;
  readonly memory: Memory;
  /** The states that it and its neighbours can go back to. */
  readonly checkpoints: CheckpointBook;
  /** The pictures and sound of prompts; undefined: they are text. */
  readonly media: Media | undefined;
  /** Whether a token ends what somebody says. */
  readonly ends: (token: number) => boolean;
  /** Guesses the next tokens; undefined: nothing is guessed. */
  readonly predictor: Predictor | undefined;
}

/** One slot, as a sequence of the context that all slots share. */
export class LibllamaSequence implements EngineSequence {
  readonly #options: SequenceOptions;
  readonly #range: CutRange;
  /** The evaluated tokens. */
  #tokens: number[] = [];
  /** Of the pieces among them that take fewer positions than tokens: where each ends, and how many fewer. */
  #shorter: readonly { readonly end: number; readonly less: number }[] = [];
  /** Tokens up to the end of the last piece. */
  #mediaEnd = 0;
  /** The adapter that they were evaluated with; 0: none. */
  #adapter = 0;
  /** Lengths at which checkpoints are to be kept, in ascending order. */
  #places: readonly number[] = [];

  constructor(options: SequenceOptions) {
    this.#options = options;
    this.#range = new CutRange(options.memory);
  }

  /** What it can be cut back to. */
  get memory(): Memory {
    return this.#options.memory;
  }

  get length(): number {
    return this.#tokens.length;
  }

  sharedByCopy(tokens: readonly number[], sampling: Sampling): number {
    return sharedByCopy(this.#copied(this.#tokens), tokens, own(sampling).adapter);
  }

  /** What a copy of it has. */
  #copied(tokens: readonly number[]): CopiedFacts {
    const { id, checkpoints, memory } = this.#options;
    return {
      ...{ tokens, memory, adapter: this.#adapter, shorter: this.#shorter },
      checkpoints: checkpoints.longest(id, MOST_SAVED),
    };
  }

  sharedPrefix(tokens: readonly number[], sampling: Sampling): number {
    if (own(sampling).adapter !== this.#adapter) return 0;
    const common = Math.min(this.#common(tokens), tokens.length - 1);
    return this.#reusable(tellingLength(tokens, wholeLength(tokens, common)));
  }

  trim(length: number, prompt?: readonly number[]): number {
    const { id, collector, checkpoints, memory, ends } = this.#options;
    const shared = prompt ? this.#common(prompt) : 0;
    const left = this.#reusable(wholeLength(this.#tokens, length));
    if (left < this.#tokens.length || left === 0) {
      const isThere = left === 0 || this.#range.allows(left, this.#tokens.length);
      const checkpoint = isThere ? undefined : checkpoints.find(id, left);
      collector.cut(id, this.#positionOf(left), checkpoint?.id);
      if (checkpoint) checkpoints.use(checkpoint);
      if (!isThere || left === 0) this.#range.restored(left);
      checkpoints.cut(id, left);
      this.#tokens.length = left;
      this.#shorter = this.#shorter.filter(({ end }) => end <= left);
      if (left < this.#mediaEnd) this.#mediaEnd = 1 + this.#tokens.findLastIndex(isMedia);
    }
    this.#places = prompt && memory.kind !== "whole"
      ? placesToKeep({ prompt, from: left, shared, ends })
      : [];
    return left;
  }

  prepare(tokens: readonly number[], from: number): Promise<unknown> | undefined {
    const { media } = this.#options;
    if (!media || !tokens.some(isMedia)) return undefined;
    const encoded: Promise<unknown>[] = [];
    for (let at = from; at < tokens.length; at = runEnd(tokens, at)) {
      if (isMedia(tokens[at])) encoded.push(media.encode(media.pieceAt(tokens, at)));
    }
    return encoded.length > 0 ? Promise.all(encoded) : undefined;
  }

  async prefill(tokens: readonly number[], sampling: Sampling): Promise<void> {
    this.#adapter = own(sampling).adapter;
    for (let at = 0; at < tokens.length;) {
      const end = runEnd(tokens, at);
      if (isMedia(tokens[at])) await this.#evaluateMedia(tokens, at, end);
      else {await this.#evaluateText(
          at === 0 && end === tokens.length ? tokens : tokens.slice(at, end),
        );}
      at = end;
    }
  }

  async #evaluateText(tokens: readonly number[]): Promise<void> {
    await this.#run(this.#part(tokens, 0));
    this.#tokens.push(...tokens);
    this.#range.evaluated(this.#tokens.length);
  }

  async #evaluateMedia(tokens: readonly number[], from: number, end: number): Promise<void> {
    const media = this.#options.media!;
    const piece = media.pieceAt(tokens, from);
    const encoded = await media.encode(piece);
    const own = tokens.slice(from, end);
    await this.#options.collector.run({ ...this.#part(own, 0), media: encoded });
    this.#tokens.push(...own);
    const less = piece.count - piece.positions;
    this.#mediaEnd = this.#tokens.length;
    if (less !== 0) this.#shorter = [...this.#shorter, { end: this.#mediaEnd, less }];
    this.#range.evaluated(this.#tokens.length);
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
    this.#range.evaluated(this.#tokens.length);
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
      close: () => this.#range.settle(),
    };
  }

  async keep(hasRoom: (bytes: number) => boolean): Promise<KeptState | undefined> {
    const { thread, contextId: context, id: sequence, collector, checkpoints } = this.#options;
    if (this.#tokens.length === 0) return undefined;
    const states = checkpoints.longest(sequence, MOST_SAVED);
    const own = await thread.call("stateSize", {
      ...{ context, cuts: collector.takeCuts(), sequence },
    });
    const bytes = states.reduce((sum, state) => sum + state.bytes, own);
    if (own === 0 || !hasRoom(bytes)) return undefined;
    const id = await thread.call("keepState", {
      ...{ context, cuts: collector.takeCuts(), sequence },
      checkpoints: states.map((state) => state.id),
    });
    const facts = this.#copied([...this.#tokens]);
    return new LibllamaKeptState(id, bytes, facts, { thread, context });
  }

  async put(state: KeptState): Promise<void> {
    if (!(state instanceof LibllamaKeptState)) throw new TypeError("The state is not llama.cpp's");
    const { thread, contextId: context, id: sequence, collector, checkpoints } = this.#options;
    const { id, facts } = state;
    this.trim(0);
    const begun = facts.checkpoints.map(({ length }) => checkpoints.begin(sequence, length));
    try {
      await thread.call("putState", {
        ...{ context, cuts: collector.takeCuts(), sequence, id },
        checkpoints: begun.map((checkpoint) => checkpoint?.id),
      });
    } catch (error) {
      for (const checkpoint of begun) if (checkpoint) checkpoints.abandon(checkpoint);
      this.trim(0);
      throw error;
    }
    this.#tokens = [...facts.tokens];
    this.#shorter = facts.shorter;
    this.#mediaEnd = 1 + this.#tokens.findLastIndex(isMedia);
    this.#adapter = facts.adapter;
    this.#range.restored(facts.tokens.length);
    for (const [index, checkpoint] of begun.entries()) {
      if (checkpoint) checkpoints.add(checkpoint, facts.checkpoints[index]!.bytes);
    }
  }

  async save(path: string, mark: StateMark): Promise<number> {
    const { thread, contextId: context, id: sequence, collector, checkpoints } = this.#options;
    // Another worker may have another adapter with the same name.
    if (this.#tokens.length === 0 || this.#adapter !== 0) return 0;
    // A file has tokens only, which do not tell the positions.
    if (this.#shorter.length > 0) return 0;
    const saved = checkpoints.longest(sequence, MOST_SAVED);
    await thread.call("save", {
      ...{ context, cuts: collector.takeCuts(), sequence, path },
      tokens: withMark(mark, { tokens: this.#tokens, checkpoints: saved }),
      checkpoints: saved.map(({ id }) => id),
    });
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
      const written = await thread.call("restore", {
        ...{ context: contextId, cuts: collector.takeCuts(), sequence, path },
        limit: markedSize(mark, context),
      });
      const { tokens, checkpoints } = withoutMark(mark, written.tokens);
      this.#tokens = [...tokens].map((token) => token | 0);
      this.#mediaEnd = 1 + this.#tokens.findLastIndex(isMedia);
      this.#adapter = 0;
      this.#range.restored(tokens.length);
      await this.#readCheckpoints(path, written.end, checkpoints);
    } catch (error) {
      this.trim(0);
      throw failed(errorMessage(error), error);
    }
    return this.#tokens.length;
  }

  async #readCheckpoints(
    path: string,
    from: number,
    saved: readonly SavedCheckpoint[],
  ): Promise<void> {
    const { thread, contextId: context, id: sequence, checkpoints } = this.#options;
    let at = from;
    for (const { length, bytes } of saved) {
      const begun = checkpoints.begin(sequence, length);
      if (begun) {
        await thread.call("readCheckpoint", { context, id: begun.id, path, at, bytes });
        checkpoints.add(begun, bytes);
      }
      at += bytes;
    }
  }

  /** Evaluates tokens and the guessed ones after them, and chooses until a guess is wrong. */
  async #step(
    input: readonly number[],
    sampling: LibllamaSampling,
    goesOn: boolean,
    wantsMore: (chosen: Chosen) => boolean,
  ): Promise<readonly Chosen[]> {
    using _ = sampling.use();
    const { collector, predictor, memory, context, batchSize, id } = this.#options;
    if (input.some(isMedia)) {
      const text = 1 + input.findLastIndex(isMedia);
      await this.prefill(input.slice(0, text), sampling);
      input = input.slice(text);
    }
    // What is taken back must have been in one batch.
    const room = Math.min(context - this.#tokens.length, batchSize) - input.length;
    // What drafts knows nothing of pictures.
    const guess = predictor && room > 0 && this.#mediaEnd === 0
      ? predictor.guess([...this.#tokens, ...input], room, input.length)
      : [];
    // Await only if needed: a wait would miss the step of this turn.
    const guessed = guess instanceof Promise ? await guess : guess;
    const follows = sampling.follows;
    // What was evaluated ahead may have to be removed, which a recurrent state cannot do. Where tokens were
    // guessed, the next ones probably are, too, and one batch for all is quicker.
    const goesAhead = goesOn && room > 0 && memory.kind !== "recurrent" &&
      guessed.length === 0 && !predictor?.takesEngine;
    const { choices } = await this.#run({
      ...this.#part([...input, ...guessed], 1 + guessed.length),
      goesOn: goesAhead,
      // What holds after a token is decided here, so these are chosen one by one.
      choose: sampling.order(follows ? [] : guessed),
    });
    this.#tokens.push(...input);
    const evaluated = this.#tokens.length + guessed.length;
    const chosen: Chosen[] = [];
    const take = (choice: Choice): boolean => {
      const one = sampling.take(choice);
      chosen.push(one);
      return wantsMore(one);
    };
    let isWanted = false;
    try {
      isWanted = choices.every(take);
      if (chosen.length < choices.length) sampling.drop();
      while (follows && isWanted && chosen.length <= guessed.length) {
        const { token } = chosen.at(-1)!;
        if (token !== guessed[chosen.length - 1] || sampling.ends(token)) break;
        const next = await collector.choose(id, chosen.length, sampling.order([]));
        if (!next) break;
        isWanted = take(next);
      }
    } finally {
      // What was evaluated stays, also where nothing can be chosen after it.
      const right = Math.max(0, chosen.length - 1);
      this.#tokens.push(...guessed.slice(0, right));
      if (right < guessed.length) collector.cut(id, this.#positionOf(this.#tokens.length));
      this.#range.evaluated(goesAhead ? evaluated + 1 : evaluated, right);
    }
    // Where the run wanted no more, the guess was not wrong.
    if (guessed.length > 0 && isWanted) predictor!.learn(guessed.length, chosen.length - 1);
    return chosen;
  }

  /** Evaluates a part, and keeps the checkpoints whose places are in it. */
  async #run(part: PartOrder): Promise<Exclude<PartResult, { error: string }>> {
    const { id, checkpoints, collector } = this.#options;
    const from = this.#tokens.length;
    const kept = this.#places
      .filter((place) => place >= from && place < from + part.tokens.length)
      .flatMap((place) => checkpoints.begin(id, place) ?? []);
    if (kept.length === 0) return await collector.run(part);
    try {
      const keep = kept.map(({ id, length }) => ({ id, length: part.position + length - from }));
      const result = await collector.run({ ...part, keep });
      kept.forEach((checkpoint, at) => checkpoints.add(checkpoint, result.kept?.[at] ?? 0));
      return result;
    } catch (error) {
      kept.forEach((checkpoint) => checkpoints.abandon(checkpoint));
      throw error;
    }
  }

  /** Number of tokens at the start of `tokens` that are the evaluated ones. */
  #common(tokens: readonly number[]): number {
    return commonLength(this.#tokens, tokens);
  }

  /** The longest state with at most `length` tokens that can be gone back to. */
  #reusable(length: number): number {
    const { id, checkpoints } = this.#options;
    const held = this.#tokens.length;
    if (length >= held || this.#range.allows(length, held)) return Math.min(length, held);
    return checkpoints.find(id, length)?.length ?? 0;
  }

  /** The position after the first `length` tokens. */
  #positionOf(length: number): number {
    let position = length;
    for (const { end, less } of this.#shorter) if (end <= length) position -= less;
    return position;
  }

  #part(tokens: readonly number[], outputs: number): PartOrder {
    const { id: sequence } = this.#options;
    const position = this.#positionOf(this.#tokens.length);
    return { sequence, position, tokens, outputs, adapter: this.#adapter };
  }
}

function own(sampling: Sampling): LibllamaSampling {
  if (sampling instanceof LibllamaSampling) return sampling;
  throw new TypeError("The sampling is not llama.cpp's");
}
