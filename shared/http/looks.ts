import { deadline, LATE } from "../deadline.ts";

/** Time between two looks, in ms. */
const LOOK_MS = 20;

/**
 * A span of time, counted in looks: while a process stands still, or gets little of the processor, nothing reaches
 * it, and a time that is over says nothing about those it waits for.
 */
export class Looks {
  #left: number;

  constructor(ms: number) {
    this.#left = Math.ceil(ms / LOOK_MS);
  }

  /** The value of a promise; `LATE` once the span is over. */
  async within<T>(promise: Promise<T>): Promise<T | typeof LATE> {
    for (; this.#left > 0; this.#left--) {
      const value = await deadline(promise, LOOK_MS);
      if (value !== LATE) return value;
    }
    return LATE;
  }
}
