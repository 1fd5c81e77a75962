import { pack } from "./pack.ts";
import { FIELDS } from "../c/abi.ts";
import { addressOf, cString, pointerAt, setFields } from "../c/c_values.ts";
import { Chooser, orderOfRest } from "./chooser.ts";
import { Checkpoints } from "./checkpoints.ts";
import { DecodeError, Decoder } from "./decoder.ts";
import { decodeMedia } from "./embeddings.ts";
import type { DraftFunctions } from "../c/draft_functions.ts";
import { Drafter } from "./drafter.ts";
import { layoutOf } from "../c/layout.ts";
import type { Llama } from "../c/library.ts";
import type {
  Choice,
  ChooseOrder,
  ContextOrder,
  Cut,
  DraftOrder,
  PartOrder,
  PartResult,
  SequenceFile,
  SequenceOrder,
  StepOrder,
} from "./messages.ts";
import { KeptStates } from "./kept_states.ts";
import { oddsOf } from "./rows.ts";
import { Shortlists } from "./shortlists.ts";

const PARAMS = layoutOf(FIELDS.llama_context_params);

/** Dependencies of a {@linkcode Context}. */
export interface ContextParts {
  readonly llama: Llama;
  readonly vocabularySize: number;
  /** Numbers of a hidden state. */
  readonly width: number;
  /** For models whose own layers draft. */
  readonly draftFunctions: DraftFunctions | undefined;
  /** Tokens that end a generation. */
  readonly ends: ReadonlySet<number>;
  /** A C function that says whether a computation is to stop, and what it is called with. */
  readonly abort: { readonly callback: Deno.PointerValue; readonly data: Deno.PointerValue };
  /** See {@linkcode Chooser}. */
  readonly onGrammar: (sequence: number | undefined) => void;
}

/** A context of llama.cpp with its sequences. Lives in llama.cpp's thread. */
export class Context {
  readonly #llama: Llama;
  readonly #pointer: Deno.PointerValue;
  readonly #memory: Deno.PointerValue;
  readonly #decoder: Decoder;
  readonly #chooser: Chooser;
  readonly #checkpoints: Checkpoints;
  readonly #kept: KeptStates;
  readonly #window: number;
  readonly #drafter: Drafter | undefined;
  readonly #shortlists: Shortlists;
  readonly #outputs: number;
  readonly #ends: ReadonlySet<number>;
  #threads: number;
  #adapter = 0;
  /** Sequences that could not be cut, until they are cleared. */
  readonly #broken = new Set<number>();
  /** Rows of the outputs of the last step's last batch, by sequence. */
  #rows = new Map<number, readonly number[]>();
  /** What the next step will probably ask for. */
  #expected: readonly PartOrder[] = [];
  /** What is evaluated already of the next step, with the rows of its outputs. */
  #ahead: readonly (readonly [part: PartOrder, rows: readonly number[]])[] = [];

  /** @throws {Error} if llama.cpp cannot create it; its log says why */
  constructor(parts: ContextParts, order: ContextOrder) {
    const { llama, abort, vocabularySize, ends, onGrammar } = parts;
    this.#llama = llama;
    const params = llama.llama_context_default_params();
    setFields(params, FIELDS.llama_context_params, PARAMS, {
      n_ctx: order.contextPerSequence * order.sequences,
      n_batch: order.batchSize,
      n_ubatch: order.batchSize,
      n_seq_max: order.sequences,
      n_outputs_max: order.outputs,
      n_threads: order.threads,
      n_threads_batch: order.threads,
      flash_attn_type: order.flashAttention,
      ...(order.keyType === undefined ? {} : { type_k: order.keyType }),
      ...(order.valueType === undefined ? {} : { type_v: order.valueType }),
      abort_callback: addressOf(abort.callback),
      abort_callback_data: addressOf(abort.data),
      no_perf: true,
      n_rs_seq: order.rollback,
      // A cache of its own for each sequence: all of them have their whole context at any time, and none
      // attends over the tokens of the others.
      kv_unified: false,
      swa_full: order.holdsAll,
    });
    this.#pointer = llama.llama_init_from_model(pointerAt(order.model), params);
    if (this.#pointer === null) throw new Error("llama.cpp cannot create a context");
    this.#memory = llama.llama_get_memory(this.#pointer);
    try {
      this.#drafter = this.#createDrafter(parts, order, params);
    } catch (error) {
      llama.llama_free(this.#pointer);
      throw error;
    }
    this.#decoder = new Decoder(llama, this.#pointer, order.batchSize, order.sequences, {
      ...this.#drafter ? { onBatch: (batch) => this.#drafter!.follow(batch) } : {},
    });
    this.#chooser = new Chooser(llama, this.#pointer, vocabularySize, ends, onGrammar);
    this.#checkpoints = new Checkpoints(llama, this.#pointer);
    this.#kept = new KeptStates(llama, this.#pointer, this.#checkpoints);
    this.#window = order.window;
    this.#outputs = order.outputs;
    this.#ends = ends;
    this.#threads = order.threads;
    this.#shortlists = new Shortlists(llama, this.#pointer, vocabularySize);
    if (order.shortlists) this.#tryShortlists(order.sequences);
    else this.#shortlists.giveUp();
  }

  /** Whether the device can find the most probable tokens. Takes the memory for all sequences now. */
  #tryShortlists(sequences: number): void {
    for (let id = 0; id < sequences; id++) this.#shortlists.set(id, true);
    if (!this.#shortlists.has(0)) return;
    try {
      const [[row]] = this.#decoder.decode([
        { sequence: 0, position: 0, tokens: [0], outputs: 1 },
      ]) as [[number]];
      if (!this.#shortlists.read(row)) this.#shortlists.giveUp();
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#shortlists.giveUp();
    }
    this.#cut([{ sequence: 0, from: 0 }]);
  }

  #createDrafter(
    { llama, draftFunctions: functions, width, vocabularySize }: ContextParts,
    order: ContextOrder,
    params: Uint8Array<ArrayBuffer>,
  ): Drafter | undefined {
    if (order.drafts === 0) return undefined;
    if (!functions) throw new Error(NO_DRAFTS);
    return new Drafter({
      ...{ llama, functions, model: pointerAt(order.model), target: this.#pointer, params },
      ...{ vocabularySize, width, batchSize: order.batchSize, sequences: order.sequences },
      most: order.drafts,
    });
  }

  /** Tokens that a recurrent state can be taken back by. */
  get rollback(): number {
    return this.#llama.llama_n_rs_seq(this.#pointer);
  }

  /** Takes one step: evaluates all parts, then chooses or scores. A part that fails fails alone. */
  step({ cuts, forget, threads, parts }: StepOrder): PartResult[] {
    this.#rows.clear();
    const results = new Map<PartOrder, PartResult>();
    // First: the next batch overwrites the outputs.
    const rests = new Map<PartOrder, PartOrder>();
    for (const [part, rows] of this.#takeAhead(parts, cuts)) {
      this.#finish(part, rows, results);
      const rest = restOf(part, results.get(part)!, this.#ends);
      if (rest) rests.set(part, rest);
    }
    this.#cut(cuts);
    this.#checkpoints.forget(forget);
    this.#drafter?.forget(forget);
    this.#use(threads);
    for (const part of parts) {
      if (this.#broken.has(part.sequence)) results.set(part, { error: CANNOT_CUT });
    }
    const left = parts.filter((part) => !results.has(part) && !part.media);
    left.push(...rests.values());
    for (const part of parts) {
      if (part.media && !results.has(part)) this.#computeMedia(part, results);
    }
    for (const batch of pack(left, this.#decoder.capacity, this.#outputs)) {
      this.#compute(batch, results);
    }
    for (const [part, rest] of rests) {
      results.set(part, joined(results.get(part)!, results.get(rest)!));
    }
    this.#expected = expectedAfter(parts, results, this.#ends);
    return parts.map((part) => results.get(part)!);
  }

  /**
   * Evaluates the chosen tokens of the last step, so that nothing waits while the main thread reads
   * them. The next step uses what it asks for of that, and the rest is removed.
   */
  goAhead(): void {
    const [batch, ...more] = pack(this.#expected, this.#decoder.capacity, this.#outputs);
    this.#expected = [];
    if (!batch || more.length > 0) return;
    try {
      this.#adapt(batch[0]!.adapter);
      const rows = this.#decoder.decode(batch);
      this.#ahead = batch.map((part, index) => [part, rows[index]!]);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      // The next step says what is wrong, if it asks for it.
      this.#remove(batch);
    }
  }

  /** Chooses after one more output of the last step; nothing where a later batch has overwritten it. */
  choose(sequence: number, output: number, order: ChooseOrder): Choice[] {
    const row = this.#rows.get(sequence)?.[output];
    return row === undefined ? [] : this.#chooser.choose(sequence, [row], order);
  }

  /** Drafts tokens; for what cannot be drafted, none. */
  draft(cuts: readonly Cut[], orders: readonly DraftOrder[]): number[][] {
    this.cut(cuts);
    return this.#drafter?.draft(orders) ?? orders.map(() => []);
  }

  /** Removes what sequences have from a position on, and what was evaluated ahead. */
  cut(cuts: readonly Cut[]): void {
    this.#takeAhead([], []);
    this.#cut(cuts);
  }

  /** Writes a sequence with its tokens and checkpoints; returns the bytes without those. */
  save(
    { cuts, path, sequence }: SequenceFile,
    tokens: Uint32Array<ArrayBuffer>,
    checkpoints: readonly number[],
  ): number {
    this.cut(cuts);
    const bytes = this.#llama.llama_state_seq_save_file(
      this.#pointer,
      cString(path),
      sequence,
      tokens,
      BigInt(tokens.length),
    );
    if (bytes === 0n) throw new Error("llama.cpp cannot write the sequence");
    this.#checkpoints.write(checkpoints, path);
    return Number(bytes);
  }

  /** Reads a sequence; returns its tokens, and where in the file it ends. */
  restore(
    { cuts, path, sequence }: SequenceFile,
    limit: number,
  ): { tokens: Uint32Array<ArrayBuffer>; end: number } {
    this.cut(cuts);
    const tokens = new Uint32Array(limit);
    const count = new BigUint64Array(1);
    const bytes = this.#llama.llama_state_seq_load_file(
      this.#pointer,
      cString(path),
      sequence,
      tokens,
      BigInt(limit),
      count,
    );
    if (bytes === 0n) throw new Error("llama.cpp cannot read the sequence");
    return { tokens: tokens.slice(0, Number(count[0])), end: Number(bytes) };
  }

  /** Reads a checkpoint from a file. */
  readCheckpoint(id: number, path: string, at: number, bytes: number): void {
    this.#checkpoints.read(id, path, at, bytes);
  }

  /** Bytes of a copy of a sequence, without checkpoints; 0 if it could not be cut. */
  stateSize({ cuts, sequence }: SequenceOrder): number {
    this.cut(cuts);
    return this.#broken.has(sequence) ? 0 : this.#kept.sizeOf(sequence);
  }

  /** See {@linkcode KeptStates.keep}. */
  keepState({ cuts, sequence }: SequenceOrder, checkpoints: readonly number[]): number {
    this.cut(cuts);
    return this.#kept.keep(sequence, checkpoints);
  }

  /** See {@linkcode KeptStates.put}. */
  putState(
    { cuts, sequence }: SequenceOrder,
    id: number,
    checkpoints: readonly (number | undefined)[],
  ): void {
    this.cut(cuts);
    this.#kept.put(id, sequence, checkpoints);
  }

  forgetState(id: number): void {
    this.#kept.forget(id);
  }

  free(): void {
    this.#drafter?.free();
    this.#llama.llama_free(this.#pointer);
    this.#shortlists.free();
  }

  #compute(batch: readonly PartOrder[], results: Map<PartOrder, PartResult>): void {
    let rows: number[][];
    this.#rows.clear();
    const kept = batch.map((): number[] => []);
    try {
      this.#adapt(batch[0]!.adapter);
      for (const part of batch) {
        if (part.outputs > 0) this.#shortlists.set(part.sequence, takesShortlist(part));
      }
      const rests = batch.map((part, index) => this.#evaluateToLast(part, kept[index]!));
      rows = this.#decoder.decode(rests);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return this.#computeAlone(batch, results, error);
    }
    for (const [index, part] of batch.entries()) {
      this.#finish(part, rows[index]!, results, kept[index]);
    }
  }

  #computeMedia(part: PartOrder, results: Map<PartOrder, PartResult>): void {
    try {
      this.#adapt(part.adapter);
      decodeMedia(this.#llama, this.#pointer, part, this.#decoder.capacity);
      results.set(part, { choices: [], scores: [] });
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#removeFrom(part.sequence, part.position);
      results.set(part, { error: error.message });
    }
  }

  /** Evaluates a part up to its last checkpoint and keeps them; returns the rest of it. */
  #evaluateToLast(part: PartOrder, kept: number[]): PartOrder {
    let rest = part;
    for (const { id, length } of part.keep ?? []) {
      const count = length - rest.position;
      if (count > 0) {
        this.#decoder.decode([{ ...rest, tokens: rest.tokens.slice(0, count), outputs: 0 }]);
        rest = { ...rest, position: length, tokens: rest.tokens.slice(count) };
      }
      kept.push(this.#checkpoints.keep(id, part.sequence));
      this.#drafter?.keep(id, part.sequence, length);
    }
    return rest;
  }

  #finish(
    part: PartOrder,
    rows: readonly number[],
    results: Map<PartOrder, PartResult>,
    kept: readonly number[] = [],
  ): void {
    this.#rows.set(part.sequence, rows);
    const result = this.#read(part, rows);
    results.set(part, kept.length === 0 ? result : { ...result, kept });
  }

  /** The parts whose first token is evaluated already, with its row; what nobody asks for is removed. */
  #takeAhead(
    parts: readonly PartOrder[],
    cuts: readonly Cut[],
  ): (readonly [part: PartOrder, rows: readonly number[]])[] {
    const ahead = this.#ahead;
    this.#ahead = [];
    const taken = ahead.map(([done, rows]) => {
      const isCut = cuts.some(({ sequence, from }) =>
        sequence === done.sequence && from <= done.position
      );
      const part = isCut
        ? undefined
        : parts.find((part) => beginsWith(part, done) && this.#hasEnough(part));
      return { part, rows, done };
    });
    this.#remove(taken.flatMap(({ part, done }) => part ? [] : done));
    return taken.flatMap(({ part, rows }) => part ? [[part, rows] as const] : []);
  }

  /** Whether what was evaluated ahead for a part has the logits that it needs. */
  #hasEnough(part: PartOrder): boolean {
    return takesShortlist(part) || !this.#shortlists.has(part.sequence);
  }

  #remove(parts: readonly PartOrder[]): void {
    this.#cut(parts.map(({ sequence, position }) => ({ sequence, from: position })));
  }

  #cut(cuts: readonly Pick<Cut, "sequence" | "from" | "checkpoint">[]): void {
    for (const cut of cuts) {
      if (cut.from === 0) this.#broken.delete(cut.sequence);
      if (this.#broken.has(cut.sequence) || this.#cutBack(cut)) continue;
      this.#broken.add(cut.sequence);
      this.#removeFrom(cut.sequence, 0);
    }
  }

  /** Whether a sequence is now as it was at that length. */
  #cutBack({ sequence, from, checkpoint }: Pick<Cut, "sequence" | "from" | "checkpoint">): boolean {
    const llama = this.#llama;
    if (checkpoint !== undefined) {
      if (!this.#checkpoints.restore(checkpoint, sequence)) return false;
    } else if (this.#window > 0 && from > 0) {
      // llama.cpp removes the tokens in any case, and would go on without those that it has overwritten.
      const first = llama.llama_memory_seq_pos_min(this.#memory, sequence);
      if (first > Math.max(0, from - this.#window + 1)) return false;
    }
    const isDone = this.#removeFrom(sequence, from);
    if (checkpoint !== undefined) this.#drafter?.restore(checkpoint, sequence, from);
    return isDone;
  }

  #removeFrom(sequence: number, from: number): boolean {
    this.#drafter?.cut(sequence, from);
    return this.#llama.llama_memory_seq_rm(this.#memory, sequence, from, -1);
  }

  /** Evaluates each part of a failed batch by itself, so that only the faulty ones fail. */
  #computeAlone(
    batch: readonly PartOrder[],
    results: Map<PartOrder, PartResult>,
    { message }: DecodeError,
  ): void {
    const isClean = batch.map(({ sequence, position }) => this.#removeFrom(sequence, position));
    for (const [index, part] of batch.entries()) {
      if (batch.length > 1 && isClean[index]) this.#compute([part], results);
      else results.set(part, { error: message });
    }
  }

  #read({ sequence, choose, score }: PartOrder, rows: readonly number[]): PartResult {
    return {
      choices: choose ? this.#chooser.choose(sequence, rows, choose) : [],
      scores: score
        ? rows.map((row, index) =>
          oddsOf(this.#chooser.logits(row), score.next[index]!, score.count)
        )
        : [],
    };
  }

  #use(threads: number): void {
    if (threads === this.#threads) return;
    this.#llama.llama_set_n_threads(this.#pointer, threads, threads);
    this.#drafter?.use(threads);
    this.#threads = threads;
  }

  #adapt(adapter: number): void {
    if (adapter === this.#adapter) return;
    const adapters = new BigUint64Array([BigInt(adapter)]);
    const scales = new Float32Array([1]);
    const count = adapter === 0 ? 0n : 1n;
    const result = this.#llama.llama_set_adapters_lora(this.#pointer, adapters, count, scales);
    if (result !== 0) throw new DecodeError("llama.cpp cannot use this adapter");
    this.#adapter = adapter;
  }
}

/** Why a model's own layers cannot draft. */
const NO_DRAFTS = "this build of llama.cpp has no functions for layers that draft: " +
  'speculative = "mtp" needs them';
/** Why a part fails that comes after a cut that failed. */
const CANNOT_CUT = "llama.cpp cannot go back to an earlier state of this sequence";
/** Whether a shortlist after its only output is all that a part needs. */
function takesShortlist({ outputs, choose }: PartOrder): boolean {
  return outputs === 1 && choose?.fromShortlist === true;
}

/** What the step after this one will ask for, unless runs end; nothing while prompts are read. */
function expectedAfter(
  parts: readonly PartOrder[],
  results: ReadonlyMap<PartOrder, PartResult>,
  ends: ReadonlySet<number>,
): PartOrder[] {
  // It would overwrite the outputs after which tokens are chosen one by one.
  if (parts.some(({ choose, outputs }) => !choose || outputs > 1 + choose.guessed.length)) {
    return [];
  }
  return parts.flatMap((part) => {
    const result = results.get(part)!;
    if (!part.goesOn || "error" in result || result.choices.length !== 1) return [];
    const [choice] = result.choices;
    if (!choice || "none" in choice || ends.has(choice.token)) return [];
    const { sequence, position, tokens, adapter } = part;
    return {
      sequence,
      position: position + tokens.length,
      tokens: [choice.token],
      outputs: 1,
      adapter,
    };
  });
}

/** What is left of a part after its first token; undefined: nothing is guessed, or the first guess is wrong. */
function restOf(
  part: PartOrder,
  result: PartResult,
  ends: ReadonlySet<number>,
): PartOrder | undefined {
  const { choose, position, tokens, outputs } = part;
  if (tokens.length === 1 || !choose || "error" in result) return undefined;
  const rest = orderOfRest(choose, result.choices[0]!, ends);
  return rest && {
    ...{ ...part, choose: rest },
    ...{ position: position + 1, tokens: tokens.slice(1), outputs: outputs - 1 },
  };
}

/** The result of a part of which one token was evaluated before the others. */
function joined(first: PartResult, rest: PartResult): PartResult {
  if ("error" in first || "error" in rest) return rest;
  return { ...rest, choices: [...first.choices, ...rest.choices] };
}

/** Whether a part begins with the token that was evaluated ahead, and all others of it are guessed. */
function beginsWith(part: PartOrder, ahead: PartOrder): boolean {
  const { tokens, outputs, choose, keep } = part;
  return part.sequence === ahead.sequence && part.position === ahead.position &&
    part.adapter === ahead.adapter && tokens[0] === ahead.tokens[0] && keep === undefined &&
    tokens.length === 1 + (choose?.guessed.length ?? 0) && outputs === tokens.length;
}
