import { type Backoff, backoffMs } from "#shared/backoff.ts";
import type { WorkerReady } from "#shared/contracts/pool.ts";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";
import type { Logger } from "#shared/logging.ts";

/** Options of {@linkcode sayReady}. */
export interface CallbackOptions {
  /** URL of the pool manager, with or without the path of its ready route. */
  readonly url: string;
  /** Deadline of one try, in milliseconds. */
  readonly timeoutMs: number;
  /** Deadline of all tries, in milliseconds. */
  readonly deadlineMs: number;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Pauses after failed tries. */
const BACKOFF: Backoff = { firstMs: 200, maxMs: 5_000 };

/**
 * Reports to the pool manager that the worker is ready, and repeats it until that succeeds. The
 * body is the same each time, so that the pool manager recognises a repeated report.
 *
 * @throws {LlorchError} `WORKER_START_FAILED` if it is refused, or does not succeed in time
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
          `The pool manager at ${baseUrl} did not accept the ready callback: ${
            errorMessage(error)
          }`,
          { cause: error },
        );
      }
      options.log.warn("callback_failed", { reason: errorMessage(error), retry_ms: waitMs });
    }
    await delay(waitMs, options.signal);
  }
}

/** Whether another try would be refused, too. */
function isFinal(error: unknown): boolean {
  return error instanceof LlorchError && !error.retriable && error.status < 500;
}
