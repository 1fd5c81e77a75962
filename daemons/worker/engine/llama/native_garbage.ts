import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Native memory that may lie around before it is collected, in bytes. */
const LIMIT_BYTES = 64 * 1024 * 1024;

/**
 * Collects what the library leaves behind. Each generation has a native sampler with a row for
 * every token of the vocabulary, freed only when V8 collects the small object that stands for it.
 * V8 does not know how much hangs on that object, and would let gigabytes gather.
 */
export class NativeGarbage {
  readonly #collect: () => void;
  #bytes = 0;

  /** @param collect Frees what nobody holds any more. */
  constructor(collect: () => void = collector()) {
    this.#collect = collect;
  }

  /** Something of this size will be left behind. */
  add(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < LIMIT_BYTES) return;
    this.#bytes = 0;
    this.#collect();
  }
}

/** V8's own full collection; takes some milliseconds. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
