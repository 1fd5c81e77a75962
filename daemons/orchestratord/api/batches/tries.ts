import type { ErrorCode, LlorchError } from "#shared/errors.ts";

/** Jobs of a request that may fail by themselves. */
const MAX_FAILURES = 5;

/** Pause before a try, in ms: at least, and at most. */
const SHORTEST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 60_000;

/** Codes that say that nothing was free, and nothing about the request: it waits as long as its batch does. */
const NOT_ITS_FAULT: ReadonlySet<ErrorCode> = new Set([
  "QUEUE_FULL",
  "QUEUE_TIMEOUT",
  "RATE_LIMITED",
  "POOL_UNAVAILABLE",
  "NOT_READY",
]);

/** Counts the tries of one request, and decides whether there is another. */
export class Tries {
  #count = 0;
  #failures = 0;

  /** Number of the try, from 1. */
  next(): number {
    return ++this.#count;
  }

  /**
   * How long to wait before another try after this error, in ms; undefined if there is none.
   *
   * @param isReady Whether the service knows its models: if not, nobody can say that there is none.
   */
  pauseAfter(error: LlorchError, isReady: boolean): number | undefined {
    const isUnknownYet = error.code === "MODEL_NOT_FOUND" && !isReady;
    if (!error.retriable && !isUnknownYet) return undefined;
    if (!isUnknownYet && !NOT_ITS_FAULT.has(error.code) && ++this.#failures === MAX_FAILURES) {
      return undefined;
    }
    const pauseMs = error.retryAfterMs ?? SHORTEST_PAUSE_MS * 2 ** this.#count;
    return Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, pauseMs));
  }
}
