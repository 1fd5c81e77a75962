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
  readonly #outputs: number;
  #threads: number;
  #adapter = 0;
  /** Rows of the last step's outputs, by sequence. */
  #rows = new Map<number, readonly number[]>();

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
    this.#threads = order.threads;
  }

  /** Takes one step: evaluates all parts, then chooses or scores. A part that fails fails alone. */
  step({ cuts, threads, parts }: StepOrder): PartResult[] {
    this.cut(cuts);
    this.#use(threads);
    this.#rows.clear();
    const results = new Map<PartOrder, PartResult>();
    for (const batch of pack(parts, this.#decoder.capacity, this.#outputs)) {
      this.#compute(batch, results);
    }
    return parts.map((part) => results.get(part)!);
  }

  /** Chooses after one more output of the last step. */
  choose(sequence: number, output: number, order: ChooseOrder): Choice[] {
    const row = this.#rows.get(sequence)?.[output];
    if (row === undefined) throw new Error(`Sequence ${sequence} has no output ${output}`);
    return this.#chooser.choose(sequence, [row], order);
  }

  /** Removes what sequences have from a position on. */
  cut(cuts: readonly Cut[]): void {
    for (const { sequence, from } of cuts) {
      this.#llama.llama_memory_seq_rm(this.#memory, sequence, from, -1);
    }
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
  }

  #compute(batch: readonly PartOrder[], results: Map<PartOrder, PartResult>): void {
    let rows: number[][];
    try {
      this.#adapt(batch[0]!.adapter);
      rows = this.#decoder.decode(batch);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return this.#computeAlone(batch, results, error);
    }
    for (const [index, part] of batch.entries()) {
      this.#rows.set(part.sequence, rows[index]!);
      results.set(part, this.#read(part, rows[index]!));
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
