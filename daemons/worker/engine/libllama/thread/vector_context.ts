import { FIELDS } from "../c/abi.ts";
import { addressOf, pointerAt, setFields } from "../c/c_values.ts";
import type { ContextParts } from "./context.ts";
import { Decoder } from "./decoder.ts";
import { layoutOf } from "../c/layout.ts";
import type { Llama } from "../c/library.ts";
import type { ModelFacts, VectorsOrder } from "./messages.ts";

const PARAMS = layoutOf(FIELDS.llama_context_params);
/** `LLAMA_POOLING_TYPE_NONE` and `LLAMA_POOLING_TYPE_RANK`. */
const NO_POOLING = 0;
const RANK_POOLING = 4;
/** Most inputs of a batch; each has a recurrent state of its own, where a model has those. */
const MOST_INPUTS = 64;
const MOST_RECURRENT_INPUTS = 4;

/**
 * A context that computes vectors or ranks: several inputs at once, each in a sequence of its own.
 * Lives in llama.cpp's thread.
 */
export class VectorContext {
  readonly #llama: Llama;
  readonly #pointer: Deno.PointerValue;
  readonly #memory: Deno.PointerValue;
  readonly #decoder: Decoder;
  readonly #length: number;
  readonly #isPooled: boolean;
  readonly #mostInputs: number;

  /**
   * @throws {Error} if llama.cpp cannot create it
   */
  constructor(
    llama: Llama,
    { model, contextSize, threads, ranks }: VectorsOrder,
    { vectorLength, isRecurrent, isHybrid }: ModelFacts,
    abort: ContextParts["abort"],
  ) {
    this.#llama = llama;
    this.#mostInputs = isRecurrent || isHybrid ? MOST_RECURRENT_INPUTS : MOST_INPUTS;
    const params = llama.llama_context_default_params();
    setFields(params, FIELDS.llama_context_params, PARAMS, {
      n_ctx: contextSize,
      // Encoders evaluate a whole input at once.
      n_batch: contextSize,
      n_ubatch: contextSize,
      n_seq_max: this.#mostInputs,
      n_threads: threads,
      n_threads_batch: threads,
      embeddings: true,
      // All inputs share the tokens of the context.
      kv_unified: true,
      abort_callback: addressOf(abort.callback),
      abort_callback_data: addressOf(abort.data),
      no_perf: true,
      ...(ranks ? { pooling_type: RANK_POOLING } : {}),
    });
    this.#pointer = llama.llama_init_from_model(pointerAt(model), params);
    if (this.#pointer === null) throw new Error("llama.cpp cannot create a context for vectors");
    this.#memory = llama.llama_get_memory(this.#pointer);
    const pooling = llama.llama_pooling_type(this.#pointer);
    this.#isPooled = pooling !== NO_POOLING && pooling !== -1;
    this.#length = ranks ? 1 : vectorLength;
    this.#decoder = new Decoder(llama, this.#pointer, contextSize, this.#mostInputs);
  }

  /** A vector for each input, or why there is none. */
  compute(inputs: readonly (readonly number[])[]): (Float32Array | string)[] {
    const vectors: (Float32Array | string)[] = [];
    for (const group of groupsOf(inputs, this.#decoder.capacity, this.#mostInputs)) {
      vectors.push(...this.#computeGroup(group));
    }
    return vectors;
  }

  free(): void {
    this.#llama.llama_free(this.#pointer);
  }

  #computeGroup(inputs: readonly (readonly number[])[]): (Float32Array | string)[] {
    try {
      if (this.#memory !== null) this.#llama.llama_memory_clear(this.#memory, false);
      const rows = this.#decoder.decode(inputs.map((tokens, sequence) => ({
        ...{ sequence, position: 0, tokens },
        outputs: this.#isPooled ? tokens.length : 1,
      })));
      return rows.map((own, sequence) => this.#read(sequence, own.at(-1)!));
    } catch (error) {
      if (inputs.length > 1) return inputs.flatMap((input) => this.#computeGroup([input]));
      return [error instanceof Error ? error.message : String(error)];
    }
  }

  #read(sequence: number, row: number): Float32Array | string {
    const pointer = this.#isPooled
      ? this.#llama.llama_get_embeddings_seq(this.#pointer, sequence)
      : this.#llama.llama_get_embeddings_ith(this.#pointer, row);
    if (pointer === null) return "llama.cpp computed no vector";
    const memory = Deno.UnsafePointerView.getArrayBuffer(pointer, 4 * this.#length);
    return new Float32Array(memory).slice();
  }
}

/** Groups inputs so that each group fits into a batch. */
function groupsOf(
  inputs: readonly (readonly number[])[],
  capacity: number,
  mostInputs: number,
): (readonly number[])[][] {
  const groups: (readonly number[])[][] = [];
  let group: (readonly number[])[] = [];
  let size = 0;
  for (const input of inputs) {
    if (group.length > 0 && (size + input.length > capacity || group.length === mostInputs)) {
      groups.push(group);
      group = [];
      size = 0;
    }
    group.push(input);
    size += input.length;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
