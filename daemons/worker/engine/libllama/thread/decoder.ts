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
  readonly #tokens: Int32Array<ArrayBuffer>;
  readonly #positions: Int32Array<ArrayBuffer>;
  readonly #idCounts: Int32Array<ArrayBuffer>;
  readonly #ids: Int32Array<ArrayBuffer>;
  readonly #idPointers: BigUint64Array<ArrayBuffer>;
  readonly #outputs: Int8Array<ArrayBuffer>;
  readonly #batch = new Uint8Array(BATCH.size);
  readonly #firstId: bigint;
  #size = 0;

  /** @param encodes Whether the context is of an encoder that keeps no cache. */
  constructor(
    llama: Llama,
    context: Deno.PointerValue,
    capacity: number,
    sequences: number,
    encodes = false,
  ) {
    this.#llama = llama;
    this.#context = context;
    this.#encodes = encodes;
    this.#tokens = new Int32Array(capacity);
    this.#positions = new Int32Array(capacity);
    this.#idCounts = new Int32Array(capacity).fill(1);
    this.#ids = Int32Array.from({ length: sequences }, (_, id) => id);
    this.#idPointers = new BigUint64Array(capacity);
    this.#outputs = new Int8Array(capacity);
    this.#firstId = BigInt(addressOfBuffer(this.#ids));
    setFields(this.#batch, FIELDS.llama_batch, BATCH, {
      token: addressOfBuffer(this.#tokens),
      embd: 0,
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
    const rows = parts.map(({ sequence, position, tokens, outputs }) => {
      const rest = this.#decodeBeginning(sequence, position, tokens);
      const from = tokens.length - rest;
      const kept: number[] = [];
      for (let index = from; index < tokens.length; index++) {
        const isOutput = index >= tokens.length - outputs;
        const row = this.#add(sequence, position + index, tokens[index]!, isOutput);
        if (isOutput) kept.push(row);
      }
      return kept;
    });
    this.#run();
    return rows;
  }

  /** Evaluates what does not fit into the part's last batch; returns how many tokens are left. */
  #decodeBeginning(sequence: number, position: number, tokens: readonly number[]): number {
    const { capacity } = this;
    const end = Math.floor((tokens.length - 1) / capacity) * capacity;
    for (let at = 0; at < end; at++) {
      this.#add(sequence, position + at, tokens[at]!, false);
      if (this.#size === capacity) this.#run();
    }
    return tokens.length - end;
  }

  #add(sequence: number, position: number, token: number, isOutput: boolean): number {
    const row = this.#size++;
    this.#tokens[row] = token;
    this.#positions[row] = position;
    this.#idPointers[row] = this.#firstId + BigInt(sequence * ID_BYTES);
    this.#outputs[row] = isOutput ? 1 : 0;
    return row;
  }

  #run(): void {
    setFields(this.#batch, FIELDS.llama_batch, BATCH, { n_tokens: this.#size });
    this.#size = 0;
    const result = this.#encodes
      ? this.#llama.llama_encode(this.#context, this.#batch)
      : this.#llama.llama_decode(this.#context, this.#batch);
    if (result !== 0) throw new DecodeError(reasonOf(result));
  }
}

function reasonOf(result: number): string {
  switch (result) {
    case 1:
      return "llama.cpp finds no room in the cache for these tokens";
    case 2:
      return "the computation was stopped";
    default:
      return `llama.cpp cannot compute these tokens (${result})`;
  }
}
