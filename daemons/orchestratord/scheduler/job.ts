import type { Priority } from "#shared/contracts/mod.ts";

/** A job that has not ended. */
export interface Job {
  readonly id: string;
  /** As the client named it. */
  readonly model: string;
  readonly fingerprint: string;
  readonly priority: Priority;
  /** Whose job it is; tenants share fairly. */
  readonly tenant: string;
  readonly queuedAt: number;
  /** When the job is given up; all times of the scheduler are those of a steady clock. */
  readonly deadlineAt: number | undefined;
  /** Tokens of the prompt, as far as they can be told from outside. */
  readonly tokensIn: number;
  /** The prompt has no more tokens than this. */
  readonly tokensAtMost: number;
  /** Tokens that it may generate, where it says so. */
  readonly maxTokens: number | undefined;
  /** What a worker that served the like is known by, most telling first; see `affinity.ts`. */
  readonly affinity: readonly string[];
  /** Its attempts are streams that say every now and then that they go on; others are silent. */
  readonly speaks: boolean;
  /** Its events are kept in the database. */
  readonly isStored: boolean;
  /** Since when it waits for a worker, this time. */
  waitingSince: number;
  /** Number of the latest attempt; 0 before the first. */
  attempt: number;
  /** Attempts in a row that ended without a delivered token. */
  failures: number;
  /** Backoff: not dispatched before this time. */
  notBefore: number;
  /** Workers in a row that hung or died with it, of all that ran there the likeliest cause. */
  deaths: number;
  /** A worker hung or died with it: until it delivers, it runs beside no other of which that is true. */
  isShaken: boolean;
  /** Where its last attempt broke off, while nothing is known of that worker. */
  brokeOff: BrokenAttempt | undefined;
  /** Request id of a worker that was asked for to try it alone. */
  trialRequest: string | undefined;
  /** The lease; set from dispatch to the attempt's end. */
  lease: Lease | undefined;
}

/** An attempt whose connection broke, maybe because its worker died. */
export interface BrokenAttempt {
  readonly workerId: string;
  readonly attempt: number;
  /** When it was dispatched. */
  readonly since: number;
  /** Whether it delivered a token. */
  readonly delivered: boolean;
  readonly isHeard: boolean;
}

/** A slot that a job holds. */
export interface Lease {
  readonly poolId: string;
  readonly workerId: string;
  readonly since: number;
  /** Tokens delivered in this attempt, as last told. */
  tokensOut: number;
  /** Whether the worker has said anything of this attempt. */
  isHeard: boolean;
  /** What the tenant was charged for this attempt; see `fairness.ts`. */
  charged: number;
}
