import type { KeyLimits } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";

/** In ms. */
const DAY = 24 * 3_600_000;

/** Shortest and longest advice on when a running job may have made room, in ms. */
const SHORTEST = 1_000;
const LONGEST = 60_000;

/** How long a job is taken to last while none of its model was measured, in ms. */
const UNMEASURED = 5_000;

/** How far a job of the key has come. */
export interface Progress {
  /** When its first token came, in ms since the epoch; undefined before. */
  readonly firstTokenAt: number | undefined;
  /** Tokens of its prompt that were read. */
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly maxTokens: number | undefined;
  /** How long jobs of its model take, in ms; undefined while none was measured. */
  readonly serviceMs: number | undefined;
}

/** What of a key's bounds is in use. */
export interface Use {
  /** Its jobs that wait or run. */
  readonly jobs: readonly Progress[];
  /** Tokens of jobs that ended today. */
  readonly tokensToday: number;
}

/**
 * Whether one more job of a key may be taken.
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

/** The refusal of a call that would exceed a bound of its key. */
export function rateLimited(limit: keyof KeyLimits, value: number, retryAfterMs: number) {
  const what = limit.replaceAll("_", " ");
  return new LlorchError("RATE_LIMITED", `This API key is bound to ${value} ${what}`, {
    details: { limit, value },
    retryAfterMs: Math.ceil(retryAfterMs),
  });
}

/**
 * When the first of the jobs will probably end, in ms from now: at its own pace, or after as long as
 * others of its model took.
 */
function soonestEnd(jobs: readonly Progress[], now: number): number {
  const ends = jobs.map(({ firstTokenAt, tokensOut, maxTokens, serviceMs = UNMEASURED }) => {
    if (firstTokenAt === undefined || tokensOut === 0 || maxTokens === undefined) return serviceMs;
    return (maxTokens - tokensOut) * (now - firstTokenAt) / tokensOut;
  });
  return Math.min(LONGEST, Math.max(SHORTEST, Math.min(...ends)));
}

/** The day (UTC) of a time, in days since the epoch. */
export function dayOf(now: number): number {
  return Math.floor(now / DAY);
}

/** Until the next day (UTC) begins, in ms. */
export function untilNextDay(now: number): number {
  return (dayOf(now) + 1) * DAY - now;
}
