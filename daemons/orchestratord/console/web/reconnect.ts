/** When to try again what was refused or broke off. */
import { onAbort } from "#shared/aborts.ts";
import { type Backoff, backoffMs, spread } from "#shared/backoff.ts";

/** Waits that nobody asked for. */
const BACKOFF: Backoff = { firstMs: 500, maxMs: 10_000 };

/** The longest wait that is granted to who asks for one, in ms. */
const MOST_ASKED_MS = 60_000;

/**
 * How long to wait before the next try, in ms.
 *
 * @param failures How many tries failed in a row before the one that failed now.
 * @param askedMs For how long the answer asked to be left alone.
 * @param random From 0 to 1: many who were cut off together do not come back together.
 */
export function waitMs(failures: number, askedMs: number | undefined, random: number): number {
  const wait = spread(backoffMs(failures + 1, BACKOFF), random);
  return Math.max(Math.min(askedMs ?? 0, MOST_ASKED_MS), wait);
}

/** For how long an answer asks to be left alone, in ms: its own field before the header. */
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
