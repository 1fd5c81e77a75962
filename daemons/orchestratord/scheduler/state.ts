import type {
  Device,
  PoolModel,
  PoolWorker,
  Priority,
  UnusableModel,
  WorkerExit,
} from "#shared/contracts/mod.ts";
import type { ErrorCode } from "#shared/errors.ts";
import type { Job } from "./job.ts";
import type { OwnLine } from "./own_line.ts";

/** Limits and intervals that decisions depend on, from the configuration; all times in ms. */
export interface Policy {
  readonly queueCapacity: number;
  readonly queueTimeoutMs: number;
  readonly batchPromoteMs: number;
  /** So long a model that is loaded may be served while jobs for another wait for its memory. */
  readonly swapPatienceMs: number;
  /** A model that was just loaded is not made to yield to another before this time. */
  readonly swapMinResidentMs: number;
  /** A model whose slots are all taken is loaded once more when its jobs have waited this long. */
  readonly replicaAfterMs: number;
  /** Attempts of a job that may fail one after the other without a delivered token. */
  readonly maxAttempts: number;
  readonly backoffFirstMs: number;
  readonly backoffMaxMs: number;
  /** A worker whose streams have all said nothing for so long takes no new job. */
  readonly quietMs: number;
  readonly poolTimeoutMs: number;
  readonly poolForgetMs: number;
  /** A spawn that is not in a pool's report after this time has failed. */
  readonly spawnTimeoutMs: number;
  /** A worker that is still reported so long after it was told to stop has not understood. */
  readonly stopTimeoutMs: number;
  /** A second worker of a model that nobody has used for so long is stopped. */
  readonly replicaIdleMs: number;
  readonly breakerFailures: number;
  readonly breakerOpenMs: number;
  /** Names of models that are loaded whenever a pool comes with them. */
  readonly preload: readonly string[];
  /** A worker that has had no job for this long is stopped; 0: never. */
  readonly idleTtlMs: number;
  /** The same for single models, by one of their names. */
  readonly idleTtlOf: ReadonlyMap<string, number>;
}

/** A model, and where: a pool or one of its devices, where they are named. */
export interface Place {
  readonly fingerprint: string;
  readonly poolId: string | undefined;
  readonly device: string | undefined;
}

/** A model that is to be loaded though no job waits for it. */
export interface Wish extends Place {
  /** From the list of models to preload: nothing is evicted for it, and it is not given up. */
  readonly isPreload: boolean;
}

/** A model whose workers stay: they are neither evicted nor stopped when idle. */
export interface Pin extends Place {
  /** As it was named, for messages. */
  readonly model: string;
}

/** A pool as last reported. */
export interface Pool {
  readonly id: string;
  readonly instanceId: string;
  /** Rises with each report of an instance; undefined for an older pool manager's registration. */
  readonly sequence: number | undefined;
  readonly endpoint: string;
  readonly version: string;
  readonly modelsRevision: number;
  readonly devices: readonly Device[];
  readonly models: readonly PoolModel[];
  /** Files in its models folders that no worker could load. */
  readonly unusable: readonly UnusableModel[];
  readonly workers: readonly PoolWorker[];
  readonly lastSeenAt: number;
  readonly available: boolean;
}

/** A worker that some pool reports, and what is known of it here. */
export interface Worker {
  readonly poolId: string;
  /** As last reported. */
  report: PoolWorker;
  /** Ids of the jobs that hold its slots. */
  readonly jobs: Set<string>;
  /** When it was first seen ready. */
  readySince: number | undefined;
  /** When it last took or ended a job; before that, since when it is ready. */
  lastUsedAt: number;
  /** Whether it ever had a job. */
  served: boolean;
  /** When it was told to stop: not to be used though its pool may still say ready. */
  stoppingSince: number | undefined;
  /** Its pool could not be told so: what is to become of it is decided anew at the next report. */
  stopFailed: boolean;
  /** When a job on it last told that it goes on. */
  heardAt: number;
  /** It lost a job to silence and nothing else was heard of it: its jobs have moved, and it is stopped. */
  hangs: boolean;
  /** Why it takes no more jobs and is stopped once the last of them has ended. */
  leaving: "unload" | "idle" | undefined;
  /** It lost a job: nothing is sent to it before this time, since mostly it is gone. */
  suspectUntil: number;
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
  /** It takes the memory of others, which were told to stop for it. */
  readonly isSwap: boolean;
  /** Nobody wants it any more: its worker is stopped as soon as it is known. */
  isCancelled: boolean;
  /** The job that is to be tried alone on it; undefined: it is for all jobs of its model. */
  readonly trialOf: string | undefined;
}

/** Failures to start one model on one pool, one after the other. */
export interface Breaker {
  failures: number;
  /** No spawn before this time. */
  retryAt: number;
  lastError: string;
  /** The last one can never go well: no use in asking again. */
  isFinal: boolean;
}

/** One model of a pool replaced by another; see `reload.ts`. */
export interface Reload {
  readonly poolId: string;
  /** Fingerprints. */
  readonly from: string;
  readonly to: string;
  /** The models as the operator named them. */
  readonly fromRef: string;
  readonly toRef: string;
  /** Kind of the devices that hold the old one: the new one comes to such a device. */
  readonly kind: Device["kind"];
  /** So long the streams of the old one may run on once it takes no new jobs, in ms. */
  readonly streamsMs: number;
  /** The new one must be ready by then. */
  readonly failsAt: number;
  stage: "loading" | "retiring" | "done" | "failed";
  /** Since the new one was asked for. */
  requestId: string | undefined;
  /** From when the old one takes no new jobs: when its streams are handed over. */
  streamsUntil: number | undefined;
  /** Why it failed. */
  error: string | undefined;
}

/** A model that a pool no longer has. */
export interface Missing {
  /** Since when. */
  readonly since: number;
  /** Why, for people. */
  readonly reason: string;
  /** What it was asked for by. */
  readonly names: readonly string[];
}

/** Moving averages of one model; undefined until something was measured. */
export interface Rates {
  /** From dispatch to the end, in ms. */
  serviceMs: number | undefined;
  /** From dispatch to the first token, in ms. */
  firstTokenMs: number | undefined;
  /** From the request for a worker to its readiness, in ms. */
  loadMs: number | undefined;
  /** Tokens that a job generates. */
  tokensOut: number | undefined;
}

/** What is served before a job. */
export interface Ahead {
  readonly jobs: number;
  /** That they will probably generate together; 0 while nothing was measured. */
  readonly tokens: number;
}

/** What a tenant has had, and has going on. */
export interface Share {
  /** Virtual counter: what its jobs have cost, see `fairness.ts`. */
  cost: number;
  /** Jobs of it that wait or run. */
  jobs: number;
}

/** Jobs that wait for one model in one class, by tenant, each tenant's oldest first. */
export type Line = Map<string, OwnLine>;

/** Everything that decisions are made from. Owned by one loop; see `step.ts`. */
export interface State {
  /** Replaced as a whole when the configuration is read again. */
  policy: Policy;
  /** The daemon is stopping: nothing is started any more, and what waits is for the next start. */
  draining: boolean;
  /** Every job that waits. */
  readonly queued: Map<string, Job>;
  /** Those of them that may start now, by model and class. */
  readonly lines: Map<string, Readonly<Record<Priority, Line>>>;
  /** Others: they pause after a failed attempt. */
  readonly paused: Set<string>;
  /** Others: workers died with them, and they are tried alone; see `suspects.ts`. */
  readonly suspects: Set<string>;
  /** Jobs that wait or run and that a worker died with, of all that ran there as the likeliest cause. */
  readonly blamed: Set<string>;
  /** Others: they are stored, and the database takes no writes; see `storage.ts`. */
  readonly held: Set<string>;
  isStorageWritable: boolean;
  readonly running: Map<string, Job>;
  readonly shares: Map<string, Share>;
  /** Tenants that found no place in the queue, and until when one is kept for them. */
  readonly refused: Map<string, number>;
  /** Cost of the tenant that was the last to have nothing going on. */
  floor: number;
  readonly pools: Map<string, Pool>;
  /** Workers of all pools by id. */
  readonly workers: Map<string, Worker>;
  /** The same by model. */
  readonly holders: Map<string, Set<Worker>>;
  /** By request id. */
  readonly spawns: Map<string, Spawn>;
  /** By {@linkcode breakerKey}. */
  readonly breakers: Map<string, Breaker>;
  /** Models that waited long enough, and the workers that take no new job so that they can go. */
  readonly swaps: Map<string, ReadonlySet<string>>;
  /** Worker that last served a session or prefix, least recently used first. */
  readonly warm: Map<string, string>;
  /** Models that an operator or the configuration wants loaded, until they are, by place. */
  readonly wishes: Map<string, Wish>;
  /** By place. */
  readonly pins: Map<string, Pin>;
  /** Pools that take no work, and until when the streams on them may run on. */
  readonly drains: Map<string, number>;
  /** The latest reload of each pool. */
  readonly reloads: Map<string, Reload>;
  readonly rates: Map<string, Rates>;
  /** Models that a pool had and no longer has; see `missing.ts`. */
  readonly missing: Map<string, Missing>;
  /** Makes request ids unique within this state. */
  spawnCount: number;
}

/** What may happen to the scheduler. */
export type Input =
  | { readonly kind: "submit"; readonly job: NewJob }
  /** A tenant found no place in the queue; see `capacity.ts`. */
  | { readonly kind: "turned_away"; readonly tenant: string }
  | { readonly kind: "cancel"; readonly jobId: string; readonly error: JobError }
  | { readonly kind: "pool_seen"; readonly pool: PoolReport }
  | { readonly kind: "pool_left"; readonly poolId: string }
  | { readonly kind: "drain_pool"; readonly poolId: string; readonly until: number }
  | { readonly kind: "undrain_pool"; readonly poolId: string }
  | { readonly kind: "reload_pool"; readonly reload: NewReload }
  | { readonly kind: "load"; readonly place: Place }
  | { readonly kind: "unload"; readonly place: Place }
  | { readonly kind: "pin"; readonly pin: Pin }
  | { readonly kind: "unpin"; readonly place: Place }
  | { readonly kind: "policy"; readonly policy: Policy }
  | { readonly kind: "drain" }
  /** The database takes writes again, or does no more. */
  | { readonly kind: "storage"; readonly isWritable: boolean }
  /** As much of a job waits to be written as may. */
  | { readonly kind: "unwritten"; readonly jobId: string; readonly attempt: number }
  /** What jobs of a model took before this start. */
  | {
    readonly kind: "history";
    readonly fingerprint: string;
    readonly serviceMs: number;
    readonly tokensOut: number;
  }
  | { readonly kind: "spawn_accepted"; readonly requestId: string; readonly workerId: string }
  | { readonly kind: "stop_failed"; readonly workerId: string }
  | { readonly kind: "spawn_failed"; readonly requestId: string; readonly message: string }
  /** An attempt goes on, though it has delivered nothing yet. */
  | { readonly kind: "heard"; readonly jobId: string; readonly attempt: number }
  /** `tokensOut`: delivered in this attempt so far, at least one. */
  | {
    readonly kind: "progress";
    readonly jobId: string;
    readonly attempt: number;
    readonly tokensOut: number;
  }
  | {
    readonly kind: "attempt_ended";
    readonly jobId: string;
    readonly attempt: number;
    readonly tokensOut: number;
    readonly outcome: Outcome;
  }
  | { readonly kind: "tick" };

/** A reload that begins. */
export type NewReload = Omit<
  Reload,
  "kind" | "failsAt" | "stage" | "requestId" | "streamsUntil" | "error"
>;

/** A job as it is submitted, or found in the store after a restart. */
export type NewJob =
  & Pick<Job, "id" | "model" | "fingerprint" | "priority" | "tenant" | "queuedAt" | "deadlineAt">
  & Pick<Job, "tokensIn" | "tokensAtMost" | "maxTokens" | "affinity" | "speaks" | "isStored">
  /** Attempts made before a restart, and what came of them. */
  & Pick<Job, "attempt" | "deaths">;

/** What a pool says of itself; `models` is absent where a heartbeat leaves them out. */
export type PoolReport = Omit<Pool, "lastSeenAt" | "available" | "models" | "unusable"> & {
  readonly models: readonly PoolModel[] | undefined;
  readonly unusable?: readonly UnusableModel[] | undefined;
  readonly exits: readonly (
    & Pick<WorkerExit, "worker_id">
    & Partial<Pick<WorkerExit, "category" | "detail" | "is_final">>
  )[];
};

/** How an attempt ended. */
export type Outcome =
  | { readonly kind: "done" }
  /** The worker is gone, hung, or refused for a reason that another may not have. */
  | {
    readonly kind: "lost";
    readonly message: string;
    /** So long nothing was heard of the worker, in ms, where that is the reason. */
    readonly silentMs?: number;
    /** The connection broke: the worker may have died. */
    readonly brokeOff?: true;
  }
  /** Trying again would end the same way; the client has been told. */
  | { readonly kind: "failed" };

/** Why a job ends without output. */
export interface JobError {
  readonly code: ErrorCode;
  readonly message: string;
  /** Where it is not what the code's table says. */
  readonly retriable?: boolean;
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
  /** End the running attempt; the job goes on elsewhere, or has ended. */
  | { readonly kind: "abort"; readonly jobId: string; readonly attempt: number; reason: string }
  /** The worker of an attempt hung or died, and of all that ran there it is the likeliest cause. */
  | { readonly kind: "suspect"; readonly jobId: string; readonly workerId: string }
  /** End the job with an error. */
  | { readonly kind: "fail"; readonly jobId: string; readonly error: JobError }
  | { readonly kind: "spawn"; readonly spawn: Spawn; readonly modelRef: string; endpoint: string }
  | {
    readonly kind: "stop_worker";
    readonly poolId: string;
    readonly endpoint: string;
    readonly workerId: string;
    readonly reason: StopReason;
  }
  /** A worker that was asked for is ready. */
  | { readonly kind: "loaded"; readonly spawn: Spawn; readonly tookMs: number }
  /** A worker that was asked for did not become ready. */
  | {
    readonly kind: "load_failed";
    readonly spawn: Spawn;
    readonly message: string;
    /** Failures in a row. */
    readonly failures: number;
    /** No try is made before this time. */
    readonly retryAt: number;
  }
  | { readonly kind: "pool_lost"; readonly poolId: string };

/** Why a worker is stopped. */
export type StopReason =
  | "evict"
  | "hung"
  | "drain"
  | "reload"
  | "surplus"
  | "unload"
  | "idle";

/** A state without jobs and pools. */
export function initialState(policy: Policy): State {
  return {
    policy,
    draining: false,
    queued: new Map(),
    lines: new Map(),
    paused: new Set(),
    suspects: new Set(),
    blamed: new Set(),
    held: new Set(),
    isStorageWritable: true,
    running: new Map(),
    shares: new Map(),
    refused: new Map(),
    floor: 0,
    pools: new Map(),
    workers: new Map(),
    holders: new Map(),
    spawns: new Map(),
    breakers: new Map(),
    swaps: new Map(),
    warm: new Map(),
    wishes: new Map(),
    pins: new Map(),
    drains: new Map(),
    reloads: new Map(),
    rates: new Map(),
    missing: new Map(),
    spawnCount: 0,
  };
}

/** A model wherever it is. */
export function anywhere(fingerprint: string): Place {
  return { fingerprint, poolId: undefined, device: undefined };
}

/** Key of {@linkcode State.wishes} and {@linkcode State.pins}. */
export function placeKey({ fingerprint, poolId = "", device = "" }: Place): string {
  return `${fingerprint} ${poolId} ${device}`;
}

/** Key of {@linkcode State.breakers}. */
export function breakerKey(poolId: string, fingerprint: string): string {
  return `${poolId} ${fingerprint}`;
}
