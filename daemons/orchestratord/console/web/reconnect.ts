/** When to try again what was refused or broke off. */

/** The first wait, in ms; each further one is twice as long. */
const FIRST_MS = 500;

/** The longest wait that nobody asked for, in ms. */
const MOST_MS = 10_000;

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
  const grown = Math.min(MOST_MS, FIRST_MS * 2 ** failures);
  return Math.max(Math.min(askedMs ?? 0, MOST_ASKED_MS), grown * (0.5 + random / 2));
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
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
