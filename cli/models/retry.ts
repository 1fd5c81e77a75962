import { type Backoff, backoffMs, spread } from "#shared/backoff.ts";
import { LlorchError } from "#shared/errors.ts";
import { delay } from "#shared/lifecycle.ts";

/** How often and when to retry temporary failures. */
export interface RetryPolicy {
  /** Gives up after this many failures in a row without any progress. */
  readonly attempts: number;
  /** Wait after the second failure; each further one doubles it. */
  readonly backoff: Backoff;
}

/** The first retry comes at once; the next ones after 1 s, 2 s, 4 s … */
export const RETRY: RetryPolicy = {
  attempts: 6,
  backoff: { firstMs: 1_000, maxMs: 30_000 },
};

/** Gives up sooner on a hub that was never reached: most likely there is no network. */
export const FIRST_CONTACT: RetryPolicy = { ...RETRY, attempts: 4 };

/**
 * Milliseconds until the next attempt; undefined when there is none.
 *
 * @param failures in a row, this one included
 * @param random from 0 to 1, so that many clients do not come back at the same moment
 */
export function retryDelay(
  error: unknown,
  failures: number,
  policy: RetryPolicy,
  random: number,
): number | undefined {
  if (!(error instanceof LlorchError) || !error.retriable) return undefined;
  if (failures >= policy.attempts) return undefined;
  if (error.retryAfterMs !== undefined) return error.retryAfterMs;
  return Math.round(spread(backoffMs(failures - 1, policy.backoff), random));
}

/** Called before each retry. */
export type OnRetry = (error: LlorchError, waitMs: number) => void;

/**
 * Runs something until it succeeds or fails in a way that retrying does not help.
 *
 * @throws the last error; the reason of `signal` once it has aborted
 */
export async function withRetries<T>(
  work: () => Promise<T>,
  options: {
    readonly policy: RetryPolicy;
    readonly signal: AbortSignal;
    readonly onRetry: OnRetry;
    /** Whether there was progress since the last failure. */
    readonly hasProgressed?: () => boolean;
  },
): Promise<T> {
  const { policy, signal, onRetry, hasProgressed = () => false } = options;
  for (let failures = 1;; failures++) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (hasProgressed()) failures = 1;
      const wait = retryDelay(error, failures, policy, Math.random());
      if (wait === undefined) throw error;
      onRetry(error as LlorchError, wait);
      await delay(wait, signal);
    }
  }
}
