import type { Device, PoolModel, PoolWorker, Priority } from "#shared/contracts/mod.ts";
import type { ErrorCode } from "#shared/errors.ts";

/** Limits and intervals that decisions depend on, from the configuration; all times in ms. */
export interface Policy {
  readonly queueCapacity: number;
  readonly queueTimeoutMs: number;
  readonly batchPromoteMs: number;
  /** Attempts of a job that may fail one after the other without a delivered token. */
  readonly maxAttempts: number;
  readonly backoffFirstMs: number;
  readonly backoffMaxMs: number;
  readonly poolTimeoutMs: number;
  readonly poolForgetMs: number;
  /** A spawn that is not in a pool's report after this time has failed. */
  readonly spawnTimeoutMs: number;
  readonly breakerFailures: number;
  readonly breakerOpenMs: number;
}

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
  /** When the job is given up, in ms since the epoch. */
  readonly deadlineAt: number | undefined;
  /** Since when it waits for a worker, this time. */
  waitingSince: number;
  /** Number of the latest attempt; 0 before the first. */
  attempt: number;
  /** Attempts in a row that ended without a delivered token. */
  failures: number;
  /** Backoff: not dispatched before this time. */
  notBefore: number;
  /** The lease; set from dispatch to the attempt's end. */
  lease: { readonly poolId: string; readonly workerId: string; readonly since: number } | undefined;
}

/** A pool as last reported. */
export interface Pool {
  readonly id: string;
  readonly instanceId: string;
  readonly endpoint: string;
  readonly version: string;
  readonly modelsRevision: number;
  readonly devices: readonly Device[];
  readonly models: readonly PoolModel[];
  readonly workers: readonly PoolWorker[];
  readonly lastSeenAt: number;
  readonly available: boolean;
}

/** A worker that was asked for and is not ready. */
export interface Spawn {
  readonly requestId: string;
  readonly poolId: string;
  readonly fingerprint: string;
  readonly device: string;
  readonly memoryBytes: number;
  readonly startedAt: number;
  /** Known once the pool has answered. */
  workerId: string | undefined;
}

/** Failures to start one model on one pool, one after the other. */
export interface Breaker {
  failures: number;
  /** No spawn before this time. */
  retryAt: number;
  lastError: string;
}

/** Moving averages, in ms; undefined until something was measured. */
export interface Rates {
  serviceMs: number | undefined;
  loadMs: number | undefined;
}

/** Everything that decisions are made from. Owned by one loop; see {@linkcode step}. */
export interface State {
  readonly policy: Policy;
  /** In the order in which they are served within a class. */
  readonly queued: Map<string, Job>;
  readonly running: Map<string, Job>;
  readonly pools: Map<string, Pool>;
  /** By request id. */
  readonly spawns: Map<string, Spawn>;
  /** By {@linkcode breakerKey}. */
  readonly breakers: Map<string, Breaker>;
  /** Workers that were told to stop: not to be used though their pool may still say ready. */
  readonly stopping: Set<string>;
  /** Workers that lost a job, and until when nothing is sent to them: mostly they are gone. */
  readonly suspects: Map<string, number>;
  /** When a worker last had a job, for eviction. */
  readonly lastUsed: Map<string, number>;
  /** Models that an operator wants loaded, until they are. */
  readonly wanted: Set<string>;
  readonly rates: Rates;
  /** Makes request ids unique within this state. */
  spawnCount: number;
}

/** What may happen to the scheduler. */
export type Input =
  | { readonly kind: "submit"; readonly job: NewJob }
  | { readonly kind: "cancel"; readonly jobId: string; readonly error: JobError }
  | { readonly kind: "pool_seen"; readonly pool: PoolReport }
  | { readonly kind: "pool_left"; readonly poolId: string }
  | { readonly kind: "load"; readonly fingerprint: string }
  | { readonly kind: "spawn_accepted"; readonly requestId: string; readonly workerId: string }
  | { readonly kind: "spawn_failed"; readonly requestId: string; readonly message: string }
  | { readonly kind: "progress"; readonly jobId: string; readonly attempt: number }
  | {
    readonly kind: "attempt_ended";
    readonly jobId: string;
    readonly attempt: number;
    readonly outcome: Outcome;
  }
  | { readonly kind: "tick" };

/** A job as it is submitted, or found in the store after a restart. */
export type NewJob =
  & Pick<Job, "id" | "model" | "fingerprint" | "priority" | "tenant" | "queuedAt">
  & {
    readonly deadlineAt: number | undefined;
    /** Attempts made before a restart. */
    readonly attempt: number;
  };

/** What a pool says of itself; `models` is absent where a heartbeat leaves them out. */
export type PoolReport = Omit<Pool, "lastSeenAt" | "available" | "models"> & {
  readonly models: readonly PoolModel[] | undefined;
  readonly exits: readonly { readonly worker_id: string; readonly detail?: string | undefined }[];
};

/** How an attempt ended. */
export type Outcome =
  | { readonly kind: "done" }
  /** The worker is gone, hung, or refused for a reason that another may not have. */
  | { readonly kind: "lost"; readonly message: string }
  /** Trying again would end the same way; the client has been told. */
  | { readonly kind: "failed" };

/** The error with which a job ends. */
export interface JobError {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What the scheduler wants done. */
export type Effect =
  | {
    readonly kind: "dispatch";
    readonly jobId: string;
    readonly attempt: number;
    readonly poolId: string;
    readonly worker: PoolWorker;
  }
  /** Stop listening to an attempt and tell its worker. */
  | { readonly kind: "abort"; readonly jobId: string; readonly attempt: number; reason: string }
  /** End the job with an error. */
  | { readonly kind: "fail"; readonly jobId: string; readonly error: JobError }
  | { readonly kind: "spawn"; readonly spawn: Spawn; readonly modelRef: string; endpoint: string }
  | { readonly kind: "stop_worker"; readonly poolId: string; endpoint: string; workerId: string }
  | { readonly kind: "pool_lost"; readonly poolId: string };

/** A state without jobs and pools. */
export function initialState(policy: Policy): State {
  return {
    policy,
    queued: new Map(),
    running: new Map(),
    pools: new Map(),
    spawns: new Map(),
    breakers: new Map(),
    stopping: new Set(),
    suspects: new Map(),
    lastUsed: new Map(),
    wanted: new Set(),
    rates: { serviceMs: undefined, loadMs: undefined },
    spawnCount: 0,
  };
}

/** Key of {@linkcode State.breakers}. */
export function breakerKey(poolId: string, fingerprint: string): string {
  return `${poolId} ${fingerprint}`;
}

/** Jobs that hold a slot of a worker. */
export function leases(state: State): Map<string, number> {
  const count = new Map<string, number>();
  for (const { lease } of state.running.values()) {
    if (lease) count.set(lease.workerId, (count.get(lease.workerId) ?? 0) + 1);
  }
  return count;
}
