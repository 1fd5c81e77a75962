/** When to try again after a refused or broken connection. */
import { onAbort } from "#shared/aborts.ts";
import { type Backoff, backoffMs, spread } from "#shared/backoff.ts";

/** Waits if the reply does not ask for one. */
const BACKOFF: Backoff = { firstMs: 500, maxMs: 10_000 };

/** The longest wait that a reply may ask for, in ms. */
const MOST_ASKED_MS = 60_000;

/**
 * How long to wait before the next try, in ms.
 *
 * @param failures How many tries in a row failed before the one that failed now.
 * @param askedMs The wait that the reply asks for.
 * @param random From 0 to 1; spreads the tries of many pages that lost their connection together.
 */
export function waitMs(failures: number, askedMs: number | undefined, random: number): number {
  const wait = spread(backoffMs(failures + 1, BACKOFF), random);
  return Math.max(Math.min(askedMs ?? 0, MOST_ASKED_MS), wait);
}

/** The wait that a reply asks for, in ms: from its own field, otherwise from the `Retry-After` header. */
export function askedMs(header: string | null, field: number | undefined): number | undefined {
  if (field !== undefined) return field;
  const seconds = Number(header ?? NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

/** Waits; ends early when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      forget();
      resolve();
    };
    const timer = setTimeout(done, ms);
    const forget = onAbort(signal, done);
  });
}
