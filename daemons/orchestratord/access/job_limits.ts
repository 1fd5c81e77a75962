import type { KeyLimits } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";

/** In ms. */
const DAY = 24 * 3_600_000;

/** Bounds of the Retry-After while a key has too many jobs, in ms. */
const SHORTEST = 1_000;
const LONGEST = 60_000;

/** Assumed duration of a job before one of its model was measured, in ms. */
const UNMEASURED = 5_000;

/** Progress of one of a key's jobs. */
export interface Progress {
  /** When its first token came, in ms since the epoch; undefined before. */
  readonly firstTokenAt: number | undefined;
  /** Tokens of its prompt that were read. */
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly maxTokens: number | undefined;
  /** How long jobs of its model take, in ms; undefined before one was measured. */
  readonly serviceMs: number | undefined;
}

/** What a key uses of its limits. */
export interface Use {
  /** Its waiting and running jobs. */
  readonly jobs: readonly Progress[];
  /** Tokens of jobs that ended today. */
  readonly tokensToday: number;
}

/**
 * Checks that a key may have one more job.
 *
 * @param now ms since the epoch.
 * @throws {LlorchError} `RATE_LIMITED`
 */
export function checkJobLimits(limits: KeyLimits, use: Use, now: number): void {
  const { concurrent_jobs: jobs, tokens_per_day: tokens } = limits;
  if (jobs !== undefined && use.jobs.length >= jobs) {
    throw rateLimited("concurrent_jobs", jobs, soonestEnd(use.jobs, now));
  }
  const used = use.jobs.reduce((sum, job) => sum + job.tokensIn + job.tokensOut, use.tokensToday);
  if (tokens !== undefined && used >= tokens) {
    throw rateLimited("tokens_per_day", tokens, untilNextDay(now));
  }
}

/** The error of a call that would exceed a limit of its key. */
export function rateLimited(limit: keyof KeyLimits, value: number, retryAfterMs: number) {
  const what = limit.replaceAll("_", " ");
  return new LlorchError("RATE_LIMITED", `This API key is limited to ${value} ${what}`, {
    details: { limit, value },
    retryAfterMs: Math.ceil(retryAfterMs),
  });
}

/**
 * When the first of the jobs will probably end, in ms from now: predicted from its own pace, or from how
 * long other jobs of its model took.
 */
function soonestEnd(jobs: readonly Progress[], now: number): number {
  const ends = jobs.map(({ firstTokenAt, tokensOut, maxTokens, serviceMs = UNMEASURED }) => {
    if (firstTokenAt === undefined || tokensOut === 0 || maxTokens === undefined) return serviceMs;
    return (maxTokens - tokensOut) * (now - firstTokenAt) / tokensOut;
  });
  return Math.min(LONGEST, Math.max(SHORTEST, Math.min(...ends)));
}

/** The day (UTC) of a time in ms since the epoch, in days since the epoch. */
export function dayOf(now: number): number {
  return Math.floor(now / DAY);
}

/** Time until the next day (UTC) begins, in ms. */
export function untilNextDay(now: number): number {
  return (dayOf(now) + 1) * DAY - now;
}
