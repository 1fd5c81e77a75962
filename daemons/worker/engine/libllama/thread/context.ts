import { pack } from "./pack.ts";
import { FIELDS } from "../c/abi.ts";
import { addressOf, cString, pointerAt, setFields } from "../c/c_values.ts";
import { Chooser } from "./chooser.ts";
import { DecodeError, Decoder } from "./decoder.ts";
import { layoutOf } from "../c/layout.ts";
import type { Llama } from "../c/library.ts";
import type {
  Choice,
  ChooseOrder,
  ContextOrder,
  Cut,
  PartOrder,
  PartResult,
  SequenceFile,
  StepOrder,
} from "./messages.ts";
import { oddsOf } from "./rows.ts";
import { Shortlists } from "./shortlists.ts";

const PARAMS = layoutOf(FIELDS.llama_context_params);

/** Dependencies of a {@linkcode Context}. */
export interface ContextParts {
  readonly llama: Llama;
  readonly vocabularySize: number;
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
  readonly #shortlists: Shortlists;
  readonly #outputs: number;
  readonly #ends: ReadonlySet<number>;
  #threads: number;
  #adapter = 0;
  /** Rows of the last step's outputs, by sequence. */
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
      swa_full: false,
    });
    this.#pointer = llama.llama_init_from_model(pointerAt(order.model), params);
    if (this.#pointer === null) throw new Error("llama.cpp cannot create a context");
    this.#memory = llama.llama_get_memory(this.#pointer);
    this.#decoder = new Decoder(llama, this.#pointer, order.batchSize, order.sequences);
    this.#chooser = new Chooser(llama, this.#pointer, vocabularySize, ends, onGrammar);
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

  /** Takes one step: evaluates all parts, then chooses or scores. A part that fails fails alone. */
  step({ cuts, threads, parts }: StepOrder): PartResult[] {
    this.#rows.clear();
    const results = new Map<PartOrder, PartResult>();
    // First: the next batch overwrites the outputs.
    for (const [part, rows] of this.#takeAhead(parts, cuts)) this.#finish(part, rows, results);
    this.#cut(cuts);
    this.#use(threads);
    const left = parts.filter((part) => !results.has(part));
    for (const batch of pack(left, this.#decoder.capacity, this.#outputs)) {
      this.#compute(batch, results);
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

  /** Chooses after one more output of the last step. */
  choose(sequence: number, output: number, order: ChooseOrder): Choice[] {
    const row = this.#rows.get(sequence)?.[output];
    if (row === undefined) throw new Error(`Sequence ${sequence} has no output ${output}`);
    return this.#chooser.choose(sequence, [row], order);
  }

  /** Removes what sequences have from a position on, and what was evaluated ahead. */
  cut(cuts: readonly Cut[]): void {
    this.#takeAhead([], []);
    this.#cut(cuts);
  }

  /** Writes a sequence with its tokens; returns the bytes of the file. */
  save({ cuts, path, sequence }: SequenceFile, tokens: Uint32Array<ArrayBuffer>): number {
    this.cut(cuts);
    const bytes = this.#llama.llama_state_seq_save_file(
      this.#pointer,
      cString(path),
      sequence,
      tokens,
      BigInt(tokens.length),
    );
    if (bytes === 0n) throw new Error("llama.cpp cannot write the sequence");
    return Number(bytes);
  }

  /** Reads a sequence; returns its tokens. */
  restore({ cuts, path, sequence }: SequenceFile, limit: number): Uint32Array<ArrayBuffer> {
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
    return tokens.slice(0, Number(count[0]));
  }

  free(): void {
    this.#llama.llama_free(this.#pointer);
    this.#shortlists.free();
  }

  #compute(batch: readonly PartOrder[], results: Map<PartOrder, PartResult>): void {
    let rows: number[][];
    try {
      this.#adapt(batch[0]!.adapter);
      for (const part of batch) {
        if (part.outputs > 0) this.#shortlists.set(part.sequence, takesShortlist(part));
      }
      rows = this.#decoder.decode(batch);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return this.#computeAlone(batch, results, error);
    }
    for (const [index, part] of batch.entries()) this.#finish(part, rows[index]!, results);
  }

  #finish(part: PartOrder, rows: readonly number[], results: Map<PartOrder, PartResult>): void {
    this.#rows.set(part.sequence, rows);
    results.set(part, this.#read(part, rows));
  }

  /** The parts that are evaluated already, with their rows; what nobody asks for is removed. */
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
        : parts.find((part) => isSame(part, done) && this.#hasEnough(part));
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

  #cut(cuts: readonly Pick<Cut, "sequence" | "from">[]): void {
    for (const { sequence, from } of cuts) {
      this.#llama.llama_memory_seq_rm(this.#memory, sequence, from, -1);
    }
  }

  /** Evaluates each part of a failed batch by itself, so that only the faulty ones fail. */
  #computeAlone(
    batch: readonly PartOrder[],
    results: Map<PartOrder, PartResult>,
    { message }: DecodeError,
  ): void {
    const isClean = batch.map(({ sequence, position }) =>
      this.#llama.llama_memory_seq_rm(this.#memory, sequence, position, -1)
    );
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
  if (parts.some(({ choose }) => !choose)) return [];
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

/** Whether a part evaluates the one token that was evaluated ahead. */
function isSame(part: PartOrder, ahead: PartOrder): boolean {
  return part.sequence === ahead.sequence && part.position === ahead.position &&
    part.adapter === ahead.adapter && part.tokens.length === 1 && part.outputs === 1 &&
    part.tokens[0] === ahead.tokens[0];
}
