import type { WorkerReady } from "#shared/contracts/pool.ts";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";
import type { Logger } from "#shared/logging.ts";

/** How often and how long {@linkcode sayReady} tries. */
export interface CallbackOptions {
  /** The pool manager, or its whole ready route. */
  readonly url: string;
  /** Deadline of one try, in milliseconds. */
  readonly timeoutMs: number;
  /** Deadline of all tries, in milliseconds. */
  readonly deadlineMs: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** First wait after a failed try; doubles up to the longest. */
const BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 5_000;

/**
 * Tells the pool manager that the worker is ready, again and again until it is heard. The body is
 * the same each time: that is how the pool manager knows a repeat.
 *
 * @throws {LlorchError} `WORKER_START_FAILED` when it is refused for good, or not heard in time.
 */
export async function sayReady(body: WorkerReady, options: CallbackOptions): Promise<void> {
  const baseUrl = options.url.replace(new RegExp(`${poolRoutes.workerReady.path}/*$`), "");
  const client = createClient({ baseUrl, timeoutMs: options.timeoutMs });
  const giveUpAt = performance.now() + options.deadlineMs;
  for (let backoff = BACKOFF_MS;; backoff = Math.min(backoff * 2, MAX_BACKOFF_MS)) {
    try {
      await client.call(poolRoutes.workerReady, { body }, { signal: options.signal });
      return;
    } catch (error) {
      options.signal.throwIfAborted();
      if (isFinal(error) || performance.now() + backoff > giveUpAt) {
        throw new LlorchError(
          "WORKER_START_FAILED",
          `The pool manager at ${baseUrl} did not take the ready callback: ${errorMessage(error)}`,
          { cause: error },
        );
      }
      options.log.warn("callback_failed", { reason: errorMessage(error), retry_ms: backoff });
    }
    await delay(backoff, options.signal);
  }
}

/** Whether the pool manager has decided: asking again would change nothing. */
function isFinal(error: unknown): boolean {
  return error instanceof LlorchError && !error.retriable && error.status < 500;
}
