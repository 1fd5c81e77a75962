import { plainTimer, type Timer } from "./timer.ts";

/**
 * Calls `callback` once when the signal aborts; at once if it has aborted already.
 *
 * @returns a function that removes the callback
 */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal?.aborted) callback();
  else signal?.addEventListener("abort", callback, { once: true });
  return () => signal?.removeEventListener("abort", callback);
}

/**
 * A signal that aborts with any of several others, by {@linkcode LinkedAbort.abort}, or after a
 * time. Unlike the signal of `AbortSignal.any`, it cannot be garbage-collected before it aborts.
 * After it is disposed of, only {@linkcode LinkedAbort.abort} aborts it.
 */
export class LinkedAbort implements Disposable {
  readonly #controller = new AbortController();
  /** Functions that remove the listeners and timers. */
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
   * @returns a function that stops the timer
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
