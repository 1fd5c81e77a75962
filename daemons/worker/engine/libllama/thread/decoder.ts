import { FIELDS } from "../c/abi.ts";
import { addressOfBuffer, setFields } from "../c/c_values.ts";
import { layoutOf } from "../c/layout.ts";
import type { Llama } from "../c/library.ts";

const BATCH = layoutOf(FIELDS.llama_batch);
const ID_BYTES = 4;

/** Tokens of one sequence, as the decoder takes them. */
export interface DecoderPart {
  readonly sequence: number;
  readonly position: number;
  readonly tokens: readonly number[];
  /** Number of last tokens whose outputs are kept. */
  readonly outputs: number;
  /** A hidden state for each token, where the context takes those. */
  readonly states?: readonly Float32Array[];
}

/** The tokens of a batch that was evaluated; arrays may be longer. Good until the next one. */
export interface Batch {
  readonly size: number;
  readonly tokens: Int32Array;
  readonly positions: Int32Array;
  readonly sequences: Int32Array;
}

/** Options of a {@linkcode Decoder}. */
export interface DecoderOptions {
  /** Whether the context is of an encoder that keeps no cache. */
  readonly encodes?: boolean;
  /** Numbers of the hidden states that come with the tokens; 0: none do. */
  readonly width?: number;
  /** Called after each batch. */
  readonly onBatch?: (batch: Batch) => void;
}

/** Why a decode failed. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/**
 * Evaluates batches of a context. It owns the memory of the arrays that C reads, so they live as long as
 * it does. Lives in llama.cpp's thread.
 */
export class Decoder {
  readonly #llama: Llama;
  readonly #context: Deno.PointerValue;
  readonly #encodes: boolean;
  readonly #width: number;
  readonly #states: Float32Array<ArrayBuffer>;
  readonly #sequences: Int32Array<ArrayBuffer>;
  readonly #onBatch: ((batch: Batch) => void) | undefined;
  readonly #tokens: Int32Array<ArrayBuffer>;
  readonly #positions: Int32Array<ArrayBuffer>;
  readonly #idCounts: Int32Array<ArrayBuffer>;
  readonly #ids: Int32Array<ArrayBuffer>;
  readonly #idPointers: BigUint64Array<ArrayBuffer>;
  readonly #outputs: Int8Array<ArrayBuffer>;
  readonly #batch = new Uint8Array(BATCH.size);
  readonly #firstId: bigint;
  #size = 0;

  constructor(
    llama: Llama,
    context: Deno.PointerValue,
    capacity: number,
    sequences: number,
    { encodes = false, width = 0, onBatch }: DecoderOptions = {},
  ) {
    this.#llama = llama;
    this.#context = context;
    this.#encodes = encodes;
    this.#width = width;
    this.#states = new Float32Array(capacity * width);
    this.#sequences = new Int32Array(capacity);
    this.#onBatch = onBatch;
    this.#tokens = new Int32Array(capacity);
    this.#positions = new Int32Array(capacity);
    this.#idCounts = new Int32Array(capacity).fill(1);
    this.#ids = Int32Array.from({ length: sequences }, (_, id) => id);
    this.#idPointers = new BigUint64Array(capacity);
    this.#outputs = new Int8Array(capacity);
    this.#firstId = BigInt(addressOfBuffer(this.#ids));
    setFields(this.#batch, FIELDS.llama_batch, BATCH, {
      token: addressOfBuffer(this.#tokens),
      embd: width === 0 ? 0 : addressOfBuffer(this.#states),
      pos: addressOfBuffer(this.#positions),
      n_seq_id: addressOfBuffer(this.#idCounts),
      seq_id: addressOfBuffer(this.#idPointers),
      logits: addressOfBuffer(this.#outputs),
    });
  }

  /** Most tokens of a batch. */
  get capacity(): number {
    return this.#tokens.length;
  }

  /**
   * Evaluates parts, all in one batch but for the beginning of a part that is larger than a batch.
   *
   * @returns the rows of each part's outputs
   * @throws {DecodeError}
   */
  decode(parts: readonly DecoderPart[]): number[][] {
    this.#size = 0;
    const rows = parts.map((part) => {
      const { tokens, outputs } = part;
      const rest = this.#decodeBeginning(part);
      const from = tokens.length - rest;
      const kept: number[] = [];
      for (let index = from; index < tokens.length; index++) {
        const isOutput = index >= tokens.length - outputs;
        const row = this.#add(part, index, isOutput);
        if (isOutput) kept.push(row);
      }
      return kept;
    });
    this.#run();
    return rows;
  }

  /** Evaluates what does not fit into the part's last batch; returns how many tokens are left. */
  #decodeBeginning(part: DecoderPart): number {
    const { capacity } = this;
    const { tokens } = part;
    const end = Math.floor((tokens.length - 1) / capacity) * capacity;
    for (let at = 0; at < end; at++) {
      this.#add(part, at, false);
      if (this.#size === capacity) this.#run();
    }
    return tokens.length - end;
  }

  #add(
    { sequence, position, tokens, states }: DecoderPart,
    index: number,
    isOutput: boolean,
  ): number {
    const row = this.#size++;
    this.#tokens[row] = tokens[index]!;
    this.#positions[row] = position + index;
    this.#sequences[row] = sequence;
    if (states) this.#states.set(states[index]!, row * this.#width);
    this.#idPointers[row] = this.#firstId + BigInt(sequence * ID_BYTES);
    this.#outputs[row] = isOutput ? 1 : 0;
    return row;
  }

  #run(): void {
    const size = this.#size;
    setFields(this.#batch, FIELDS.llama_batch, BATCH, { n_tokens: size });
    this.#size = 0;
    const result = this.#encodes
      ? this.#llama.llama_encode(this.#context, this.#batch)
      : this.#llama.llama_decode(this.#context, this.#batch);
    if (result !== 0) throw new DecodeError(reasonOf(result));
    const [tokens, positions, sequences] = [this.#tokens, this.#positions, this.#sequences];
    this.#onBatch?.({ size, tokens, positions, sequences });
  }
}

/** Why a decode ended so. */
export function reasonOf(result: number): string {
  switch (result) {
    case 1:
      return "llama.cpp finds no room in the cache for these tokens";
    case 2:
      return "the computation was stopped";
    default:
      return `llama.cpp cannot compute these tokens (${result})`;
  }
}
