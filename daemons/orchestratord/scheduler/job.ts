import type { Priority } from "#shared/contracts/mod.ts";

/** A job that has not ended. */
export interface Job {
  readonly id: string;
  /** The model's name as the client sent it. */
  readonly model: string;
  readonly fingerprint: string;
  readonly priority: Priority;
  /** Owner of the job; see `fairness.ts`. */
  readonly tenant: string;
  /** When it was queued; for the unit of times, see `state.ts`. */
  readonly queuedAt: number;
  /** When the job ends, done or not; undefined for no deadline. */
  readonly deadlineAt: number | undefined;
  /** Estimated tokens of the prompt. */
  readonly tokensIn: number;
  /** Upper bound of the prompt's tokens. */
  readonly tokensAtMost: number;
  /** Bound of the generated tokens; undefined where the request has none. */
  readonly maxTokens: number | undefined;
  /** Keys that lead to a worker with a similar job in its cache, most specific first; see `affinity.ts`. */
  readonly affinity: readonly string[];
  /** Whether its attempts are streams that regularly report progress; the others are silent until they end. */
  readonly speaks: boolean;
  /** Whether its events are kept in the database. */
  readonly isStored: boolean;
  /** How long its client wants its worker kept afterwards, in ms; undefined: as configured. */
  readonly keepMs: number | undefined;
  /** Whether another model answers if its own cannot, so that it waits for no pool to come back. */
  hasFallback: boolean;
  /** Since when it has been waiting for a worker, counted from its latest attempt. */
  waitingSince: number;
  /** Tokens delivered in its earlier attempts, as far as this scheduler knows. */
  delivered: number;
  /** How often it has given its slot to others; see `yields.ts`. */
  yields: number;
  /** Whether its answer has begun and cannot go on in another attempt. */
  isTied: boolean;
  /** Number of the latest attempt; 0 before the first. */
  attempt: number;
  /** Attempts in a row that ended without a delivered token. */
  failures: number;
  /** Backoff: not dispatched before this time. */
  notBefore: number;
  /** Workers in a row that hung or died while this job was the likeliest cause. */
  deaths: number;
  /** A worker hung or died while it ran there; until it delivers, it never runs beside another shaken job. */
  isShaken: boolean;
  /** Its last attempt, if the connection broke and it is not known yet whether the worker died. */
  brokeOff: BrokenAttempt | undefined;
  /** Request id of the worker that was requested to try the job alone. */
  trialRequest: string | undefined;
  /** Set from dispatch to the attempt's end. */
  lease: Lease | undefined;
}

/** An attempt whose connection broke, perhaps because its worker died. */
export interface BrokenAttempt {
  readonly workerId: string;
  readonly attempt: number;
  /** When it was dispatched. */
  readonly since: number;
  /** Whether it delivered a token. */
  readonly delivered: boolean;
  /** See {@linkcode Lease.isHeard}. */
  readonly isHeard: boolean;
}

/** A slot that a job holds. */
export interface Lease {
  readonly poolId: string;
  readonly workerId: string;
  readonly since: number;
  /** Tokens delivered in this attempt, as last reported. */
  tokensOut: number;
  /** When its worker began with it, and how many tokens of its prompt that reads; undefined before. */
  begun: { readonly at: number; readonly tokensRead: number } | undefined;
  /** When its first token was reported. */
  firstTokenAt: number | undefined;
  /** When tokens were last reported. */
  progressAt: number;
  /** Whether the worker has reported anything about this attempt. */
  isHeard: boolean;
  /** What the tenant was charged for this attempt; see `fairness.ts`. */
  charged: number;
  /** What of it the attempt has had so far. */
  had: number;
}
