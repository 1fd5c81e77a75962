import type { KeyLimits } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { type Promises, wholeSeconds } from "../scheduler/promises.ts";

/** In ms. */
const DAY = 24 * 3_600_000;

/** Longest Retry-After while a key has too many jobs, in ms. */
const LONGEST = 600_000;

/** Added to the predicted time for `Retry-After`: this share of it, and this many ms. */
const MARGIN = { share: 0.1, ms: 200 };

/** Assumed duration of a job before one of its model was measured, in ms. */
const UNMEASURED = 5_000;

/** Progress of one of a key's jobs. */
export interface Progress {
  /** Tokens of its prompt that were read. */
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** When it will have ended nine times of ten, in ms from now; undefined where nothing was measured. */
  readonly endsInMs: number | undefined;
  /** How long it will have waited and run then, in ms. */
  readonly staysMs: number | undefined;
}

/** What a key uses of its limits. */
export interface Use {
  /** Its waiting and running jobs. */
  readonly jobs: readonly Progress[];
  /** Tokens of jobs that ended today. */
  readonly tokensToday: number;
}

/**
 * Checks that a key may have one more job. A client that is refused because of the number of jobs is promised
 * the place of a job that will have ended when it comes back; until then, no other one gets it.
 *
 * @param promises The key's.
 * @param now ms since the epoch.
 * @throws {LlorchError} `RATE_LIMITED`
 */
export function checkJobLimits(
  limits: KeyLimits,
  use: Use,
  promises: Promises,
  now: number,
): void {
  const { concurrent_jobs: jobs, tokens_per_day: tokens } = limits;
  if (jobs !== undefined) {
    const free = jobs - use.jobs.length;
    const isDue = promises.isDue(now);
    if (free <= 0 || free <= promises.open(now).length && !isDue) {
      // Its promise could not be kept: it gets another one.
      if (isDue) promises.keep(now);
      const promised = promises.open(now);
      const waitMs = placeAfter(free, use, promised, now);
      promises.add(now + waitMs);
      throw rateLimited("concurrent_jobs", jobs, waitMs, free > 0);
    }
  }
  const used = use.jobs.reduce((sum, job) => sum + job.tokensIn + job.tokensOut, use.tokensToday);
  if (tokens !== undefined && used >= tokens) {
    throw rateLimited("tokens_per_day", tokens, untilNextDay(now));
  }
  promises.keep(now);
}

/**
 * The error of a call that would exceed a limit of its key.
 *
 * @param isKept Whether the limit is not reached, and what is left is for clients that were refused before.
 */
export function rateLimited(
  limit: keyof KeyLimits,
  value: number,
  retryAfterMs: number,
  isKept = false,
): LlorchError {
  const what = limit.replaceAll("_", " ");
  const why = isKept ? ", and what is left is kept for clients that were refused before" : "";
  return new LlorchError("RATE_LIMITED", `This API key is limited to ${value} ${what}${why}`, {
    details: { limit, value },
    retryAfterMs: Math.ceil(retryAfterMs),
  });
}

/**
 * When a place will be free that was promised to nobody, in ms from now: those who were promised the places
 * before it have jobs of their own, which take as long as the longest of the key's others.
 */
function placeAfter(free: number, { jobs }: Use, promised: readonly number[], now: number): number {
  const staysMs = Math.max(0, ...jobs.map(({ staysMs = UNMEASURED }) => staysMs));
  const places = [
    ...Array.from({ length: Math.max(0, free) }, () => 0),
    ...jobs.map(({ endsInMs = UNMEASURED }) => endsInMs),
  ];
  const take = () => places.splice(places.indexOf(Math.min(...places)), 1)[0]!;
  for (const at of promised) places.push(Math.max(take(), at - now) + staysMs);
  return wholeSeconds(Math.min(LONGEST, take() * (1 + MARGIN.share) + MARGIN.ms));
}

/** The day (UTC) of a time in ms since the epoch, in days since the epoch. */
export function dayOf(now: number): number {
  return Math.floor(now / DAY);
}

/** Time until the next day (UTC) begins, in ms. */
export function untilNextDay(now: number): number {
  return (dayOf(now) + 1) * DAY - now;
}
