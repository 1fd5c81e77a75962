import { plainTimer, type Timer } from "./timer.ts";

/**
 * Calls back once when a signal aborts; at once if it has.
 *
 * @returns what takes it back
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal?.aborted) callback();
  else signal?.addEventListener("abort", callback, { once: true });
  return () => signal?.removeEventListener("abort", callback);
}

/**
 * A signal that aborts with any of several others, by hand, or after a time. Unlike that of
 * `AbortSignal.any`, it cannot be collected before it aborts. Once it is disposed of, only
 * {@linkcode LinkedAbort.abort} ends it.
 */
export class LinkedAbort implements Disposable {
  readonly #controller = new AbortController();
  /** What is still to be taken back. */
  readonly #links = new Set<() => void>();

  constructor(...signals: readonly (AbortSignal | undefined)[]) {
    for (const signal of signals) {
      this.#links.add(onAbort(signal, () => this.abort(signal?.reason)));
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  /**
   * Aborts after `ms`.
   *
   * @returns what takes it back
   */
  abortAfter(ms: number, reason: () => unknown, timer: Timer = plainTimer): () => void {
    const stop = timer.after(ms, () => {
      this.#links.delete(cancel);
      this.abort(reason());
    });
    const cancel = () => {
      this.#links.delete(cancel);
      stop();
    };
    this.#links.add(cancel);
    return cancel;
  }

  [Symbol.dispose](): void {
    for (const unlink of this.#links) unlink();
    this.#links.clear();
  }
}
