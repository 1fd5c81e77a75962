import { LinkedAbort } from "#shared/aborts.ts";
import { LlorchError } from "#shared/errors.ts";

/** Aborts a transfer when no data comes for too long. */
export class StallWatch {
  readonly #abort: LinkedAbort;
  readonly #timer: ReturnType<typeof setInterval>;
  #last = performance.now();
  constructor(limitMs: number, signal: AbortSignal) {
    this.#abort = new LinkedAbort(signal);
    this.#timer = setInterval(() => {
      if (performance.now() - this.#last < limitMs) return;
      const seconds = Math.round(limitMs / 100) / 10;
      this.#abort.abort(
        new LlorchError("TIMEOUT", `No data came for ${seconds} s: check the network`),
      );
    }, Math.min(1000, limitMs / 4));
  }

  /** Aborts when no data came in time, or with the constructor's signal. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Call when data came. */
  touch(): void {
    this.#last = performance.now();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#abort[Symbol.dispose]();
  }
}

/** Runs one exchange that must be done within the limit. */
export async function withStallLimit<T>(
  limitMs: number,
  signal: AbortSignal,
  exchange: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  using watch = new StallWatch(limitMs, signal);
  return await exchange(watch.signal);
}
