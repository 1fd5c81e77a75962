import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { CONSTANTS } from "../c/abi.ts";
import type { Llama } from "../c/library.ts";

const FLAGS = CONSTANTS.LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY;

/**
 * Copies of what a sequence's memory has that cannot be cut back: recurrent states, and the tokens of a
 * window. Lives in llama.cpp's thread.
 */
export class Checkpoints {
  readonly #llama: Llama;
  readonly #context: Deno.PointerValue;
  readonly #states = new Map<number, Uint8Array<ArrayBuffer>>();

  constructor(llama: Llama, context: Deno.PointerValue) {
    this.#llama = llama;
    this.#context = context;
  }

  /** Copies the state of a sequence as it is now; returns its bytes. */
  keep(id: number, sequence: number): number {
    const llama = this.#llama;
    const size = llama.llama_state_seq_get_size_ext(this.#context, sequence, FLAGS);
    const state = new Uint8Array(Number(size));
    const written = llama.llama_state_seq_get_data_ext(this.#context, state, size, sequence, FLAGS);
    if (written !== size) return 0;
    this.#states.set(id, state);
    return state.length;
  }

  /** Puts a state back; false if it is not there, or llama.cpp does not take it. */
  restore(id: number, sequence: number): boolean {
    const state = this.#states.get(id);
    if (!state) return false;
    const size = BigInt(state.length);
    return this.#llama.llama_state_seq_set_data_ext(
      this.#context,
      state,
      size,
      sequence,
      FLAGS,
    ) === size;
  }

  /** Appends states to a file, one after the other. */
  write(ids: readonly number[], path: string): void {
    const file = openSync(path, "a");
    try {
      for (const id of ids) writeAll(file, this.#states.get(id)!);
    } finally {
      closeSync(file);
    }
  }

  /**
   * Reads a state from a file.
   *
   * @throws {Error} if the file is too short
   */
  read(id: number, path: string, at: number, bytes: number): void {
    const state = new Uint8Array(bytes);
    const file = openSync(path, "r");
    try {
      for (let done = 0; done < bytes;) {
        const count = readSync(file, state, done, bytes - done, at + done);
        if (count === 0) throw new Error("the file ends in a checkpoint");
        done += count;
      }
    } finally {
      closeSync(file);
    }
    this.#states.set(id, state);
  }

  get(id: number): Uint8Array<ArrayBuffer> | undefined {
    return this.#states.get(id);
  }

  set(id: number, state: Uint8Array<ArrayBuffer>): void {
    this.#states.set(id, state);
  }

  forget(ids: readonly number[]): void {
    for (const id of ids) this.#states.delete(id);
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done);
  }
}
