import { CONSTANTS, FIELDS } from "../c/abi.ts";
import { addressOf, setFields } from "../c/c_values.ts";
import type { DraftFunctions } from "../c/draft_functions.ts";
import { layoutOf } from "../c/layout.ts";
import type { Llama } from "../c/library.ts";
import { type Batch, DecodeError, Decoder, type DecoderPart } from "./decoder.ts";
import type { DraftOrder } from "./messages.ts";
import { best } from "./rows.ts";

const PARAMS = layoutOf(FIELDS.llama_context_params);

/** Dependencies of a {@linkcode Drafter}. */
export interface DrafterParts {
  readonly llama: Llama;
  readonly functions: DraftFunctions;
  readonly model: Deno.PointerValue;
  /** The context for which it drafts. */
  readonly target: Deno.PointerValue;
  /** Parameters of that context. */
  readonly params: Uint8Array<ArrayBuffer>;
  readonly vocabularySize: number;
  /** Numbers of a hidden state. */
  readonly width: number;
  readonly batchSize: number;
  readonly sequences: number;
  /** Most tokens of a draft. */
  readonly most: number;
}

/** Hidden states of the last tokens of a sequence. */
interface States {
  /** Position of the token of the first one. */
  first: number;
  rows: Float32Array[];
}

/**
 * Drafts with the layers of a model that predict tokens after the next one. They have a context of their
 * own, in which each token comes with the hidden state that the model had for the one before it.
 *
 * A draft may be wrong in any way without harm, since the model checks it. So what fails here leaves
 * out drafts, and nothing else. Lives in llama.cpp's thread.
 */
export class Drafter {
  readonly #parts: DrafterParts;
  readonly #pointer: Deno.PointerValue;
  readonly #memory: Deno.PointerValue;
  readonly #decoder: Decoder;
  readonly #states = new Map<number, States>();
  /** States by the checkpoints that they belong to. */
  readonly #kept = new Map<number, Float32Array | undefined>();

  /** @throws {Error} if llama.cpp cannot create its context */
  constructor(parts: DrafterParts) {
    const { llama, functions, model, target, batchSize, sequences, width } = parts;
    this.#parts = parts;
    const params = parts.params.slice();
    setFields(params, FIELDS.llama_context_params, PARAMS, {
      ctx_type: CONSTANTS.LLAMA_CONTEXT_TYPE_MTP,
      ctx_other: addressOf(target),
      n_outputs_max: sequences,
      n_rs_seq: 0,
      swa_full: true,
    });
    this.#pointer = llama.llama_init_from_model(model, params);
    if (this.#pointer === null) {
      throw new Error("llama.cpp cannot create a context for the layers that draft");
    }
    this.#memory = llama.llama_get_memory(this.#pointer);
    functions.setStates(target, true, false);
    functions.setStates(this.#pointer, true, true);
    this.#decoder = new Decoder(llama, this.#pointer, batchSize, sequences, { width });
  }

  /** Evaluates the batch that the model has just evaluated. */
  follow(batch: Batch): void {
    const parts: (DecoderPart & { tokens: number[]; states: Float32Array[] })[] = [];
    const own = new Map<number, Float32Array[]>();
    for (let row = 0; row < batch.size; row++) {
      const [sequence, position] = [batch.sequences[row]!, batch.positions[row]!];
      const states = own.get(sequence) ?? [];
      own.set(sequence, states);
      let part = parts.at(-1);
      if (part?.sequence !== sequence) {
        part = { sequence, position, tokens: [], outputs: 0, states: [] };
        parts.push(part);
      }
      part.tokens.push(batch.tokens[row]!);
      part.states.push(states.at(-1) ?? this.#before(sequence, position) ?? this.#nothing());
      states.push(this.#read(this.#parts.target, row));
    }
    if (!this.#decode(parts)) return;
    for (const { sequence, position, tokens } of parts) {
      this.#add(sequence, position + tokens.length, own.get(sequence)!);
    }
  }

  /** Drafts for several sequences in the same batches; for a sequence that it cannot, nothing. */
  draft(orders: readonly DraftOrder[]): number[][] {
    const drafts = orders.map((): number[] => []);
    const next = orders.map(({ sequence, position }) => this.#before(sequence, position));
    const active = () =>
      orders.map((_, at) => at).filter((at) => next[at] && drafts[at]!.length < orders[at]!.count);
    for (let at = active(); at.length > 0; at = active()) {
      const rows = this.#decode(at.map((index) => {
        const { sequence, position, token } = orders[index]!;
        const draft = drafts[index]!;
        return {
          ...{ sequence, position: position + draft.length, outputs: 1 },
          tokens: [draft.at(-1) ?? token],
          states: [next[index]!],
        };
      }));
      if (!rows) break;
      for (const [place, index] of at.entries()) {
        const row = rows[place]![0]!;
        drafts[index]!.push(best(this.#logits(row)));
        next[index] = this.#read(this.#pointer, row);
      }
    }
    for (const { sequence, position } of orders) this.#remove(sequence, position);
    return drafts;
  }

  /** Removes what a sequence has from a position on. */
  cut(sequence: number, from: number): void {
    this.#remove(sequence, from);
    const states = this.#states.get(sequence);
    states?.rows.splice(Math.max(0, from - states.first));
  }

  /** Keeps what a sequence needs to draft on from a checkpoint of this length. */
  keep(checkpoint: number, sequence: number, length: number): void {
    this.#kept.set(checkpoint, this.#before(sequence, length));
  }

  /** Goes back to a checkpoint of this length. */
  restore(checkpoint: number, sequence: number, length: number): void {
    const state = this.#kept.get(checkpoint);
    if (state) this.#states.set(sequence, { first: length - 1, rows: [state] });
  }

  forget(checkpoints: readonly number[]): void {
    for (const id of checkpoints) this.#kept.delete(id);
  }

  use(threads: number): void {
    this.#parts.llama.llama_set_n_threads(this.#pointer, threads, threads);
  }

  free(): void {
    this.#parts.llama.llama_free(this.#pointer);
  }

  /** Undefined if it failed: its sequences then start again, since these tokens are missing. */
  #decode(parts: readonly DecoderPart[]): number[][] | undefined {
    try {
      return this.#decoder.decode(parts);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      for (const { sequence } of parts) this.cut(sequence, 0);
      return undefined;
    }
  }

  #remove(sequence: number, from: number): void {
    this.#parts.llama.llama_memory_seq_rm(this.#memory, sequence, from, -1);
  }

  /** Adds the states of the tokens before a position; only the last ones may be wanted. */
  #add(sequence: number, end: number, states: readonly Float32Array[]): void {
    const rows = states.slice(-(this.#parts.most + 1));
    this.#states.set(sequence, { first: end - rows.length, rows });
  }

  /** The state of the token before a position, if it is known. */
  #before(sequence: number, position: number): Float32Array | undefined {
    const states = this.#states.get(sequence);
    return states?.rows[position - 1 - states.first];
  }

  #nothing(): Float32Array {
    return new Float32Array(this.#parts.width);
  }

  #read(context: Deno.PointerValue, row: number): Float32Array {
    const { functions, width } = this.#parts;
    return this.#floats(functions.stateOf(context, row), width).slice();
  }

  #logits(row: number): Float32Array {
    const { llama, vocabularySize } = this.#parts;
    return this.#floats(llama.llama_get_logits_ith(this.#pointer, row), vocabularySize);
  }

  #floats(pointer: Deno.PointerValue, count: number): Float32Array {
    if (pointer === null) throw new Error("llama.cpp kept no state of a token");
    return new Float32Array(Deno.UnsafePointerView.getArrayBuffer(pointer, 4 * count));
  }
}
