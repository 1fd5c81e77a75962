import { type Backoff, backoffMs } from "#shared/backoff.ts";
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

/** Waits after failed tries. */
const BACKOFF: Backoff = { firstMs: 200, maxMs: 5_000 };

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
  for (let failures = 1;; failures++) {
    const waitMs = backoffMs(failures, BACKOFF);
    try {
      await client.call(poolRoutes.workerReady, { body }, { signal: options.signal });
      return;
    } catch (error) {
      options.signal.throwIfAborted();
      if (isFinal(error) || performance.now() + waitMs > giveUpAt) {
        throw new LlorchError(
          "WORKER_START_FAILED",
          `The pool manager at ${baseUrl} did not take the ready callback: ${errorMessage(error)}`,
          { cause: error },
        );
      }
      options.log.warn("callback_failed", { reason: errorMessage(error), retry_ms: waitMs });
    }
    await delay(waitMs, options.signal);
  }
}

/** Whether the pool manager has decided: asking again would change nothing. */
function isFinal(error: unknown): boolean {
  return error instanceof LlorchError && !error.retriable && error.status < 500;
}
