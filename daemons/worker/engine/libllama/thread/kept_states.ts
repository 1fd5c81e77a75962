import type { Llama } from "../c/library.ts";
import type { Checkpoints } from "./checkpoints.ts";

/** Flags of a state that has all of a sequence's memory. */
const WHOLE = 0;

/** Copies of whole sequences. Lives in llama.cpp's thread. */
export class KeptStates {
  readonly #llama: Llama;
  readonly #context: Deno.PointerValue;
  readonly #checkpoints: Checkpoints;
  readonly #states = new Map<
    number,
    {
      readonly state: Uint8Array<ArrayBuffer>;
      readonly checkpoints: readonly Uint8Array<ArrayBuffer>[];
    }
  >();
  #last = 0;

  constructor(llama: Llama, context: Deno.PointerValue, checkpoints: Checkpoints) {
    this.#llama = llama;
    this.#context = context;
    this.#checkpoints = checkpoints;
  }

  /** Bytes of a copy without checkpoints. */
  sizeOf(sequence: number): number {
    return Number(this.#llama.llama_state_seq_get_size_ext(this.#context, sequence, WHOLE));
  }

  /**
   * Copies a sequence with some of its checkpoints; returns the number of the copy.
   *
   * @throws {Error} if llama.cpp writes another size than it said
   */
  keep(sequence: number, checkpoints: readonly number[]): number {
    const state = new Uint8Array(this.sizeOf(sequence));
    const size = BigInt(state.length);
    const written = this.#llama.llama_state_seq_get_data_ext(
      this.#context,
      state,
      size,
      sequence,
      WHOLE,
    );
    if (written !== size) throw new Error("llama.cpp cannot copy the sequence");
    const id = ++this.#last;
    // They do not change, so copies share them.
    const own = checkpoints.map((each) => this.#checkpoints.get(each)!);
    this.#states.set(id, { state, checkpoints: own });
    return id;
  }

  /**
   * Puts a copy into an empty sequence.
   *
   * @param checkpoints New numbers of its checkpoints; undefined: one is not wanted.
   * @throws {Error} if llama.cpp does not take it
   */
  put(id: number, sequence: number, checkpoints: readonly (number | undefined)[]): void {
    const { state, checkpoints: own } = this.#states.get(id)!;
    const size = BigInt(state.length);
    const read = this.#llama.llama_state_seq_set_data_ext(
      this.#context,
      state,
      size,
      sequence,
      WHOLE,
    );
    if (read !== size) throw new Error("llama.cpp cannot put the sequence back");
    for (const [index, each] of checkpoints.entries()) {
      if (each !== undefined) this.#checkpoints.set(each, own[index]!);
    }
  }

  /** Frees a copy at once: the garbage collector may take its time. */
  forget(id: number): void {
    this.#states.get(id)?.state.buffer.transfer(0);
    this.#states.delete(id);
  }
}
