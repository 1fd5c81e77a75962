/**
 * The state of the scheduler, its inputs and its effects.
 *
 * Every time here, and every `now` of a function in this folder, is in ms of the steady clock
 * (`Clock.steady()` in `shared/clock.ts`). Names that end in `Ms` are durations in ms.
 *
 * @module
 */
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
import type { Lengths } from "./lengths.ts";
import type { LineFit } from "./line_fit.ts";
import type { Names } from "./names.ts";
import type { Promises } from "./promises.ts";

/** Limits and intervals that decisions depend on, from the configuration; all times in ms. */
export interface Policy {
  readonly queueCapacity: number;
  readonly queueTimeoutMs: number;
  readonly batchPromoteMs: number;
  /** A job yields its slot to others that have waited for this long; 0: never. See `yields.ts`. */
  readonly yieldAfterMs: number;
  /** How long a loaded model may keep serving while jobs for another wait for its memory. */
  readonly swapPatienceMs: number;
  /** A model that was just loaded does not have to yield to another before this time. */
  readonly swapMinResidentMs: number;
  /** A model whose slots are all taken is loaded once more when its jobs have waited this long. */
  readonly replicaAfterMs: number;
  /** Failures in a row without a delivered token after which a job ends. */
  readonly maxAttempts: number;
  readonly backoffFirstMs: number;
  readonly backoffMaxMs: number;
  /** A worker whose streams have all been silent for longer than this takes no new job. */
  readonly quietMs: number;
  readonly poolTimeoutMs: number;
  readonly poolForgetMs: number;
  /** A spawn whose worker is not ready after this time has failed. */
  readonly spawnTimeoutMs: number;
  /** A worker still reported this long after a stop request counts as not stopped. */
  readonly stopTimeoutMs: number;
  /** A second worker of a model that has been idle for this long is stopped. */
  readonly replicaIdleMs: number;
  readonly breakerFailures: number;
  readonly breakerOpenMs: number;
  /** Names that the operator configured. */
  readonly names: Names;
  /** Names of models that are loaded whenever a pool registers with them. */
  readonly preload: readonly string[];
  /** A worker that has had no job for this long is stopped; 0: never. */
  readonly idleTtlMs: number;
  /** The same for single models, by one of their names. */
  readonly idleTtlOf: ReadonlyMap<string, number>;
}

/** A model, and the pool and device where it should be; undefined for any. */
export interface Place {
  readonly fingerprint: string;
  readonly poolId: string | undefined;
  readonly device: string | undefined;
}

/** A model that should be loaded even if no job waits for it. */
export interface Wish extends Place {
  /** Whether it comes from the list of models to preload: nothing is evicted for it, and it stays. */
  readonly isPreload: boolean;
}

/** A model whose workers stay: they are neither evicted nor stopped when idle. */
export interface Pin extends Place {
  /** The name that the operator used, for messages. */
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

/** A worker that some pool reports, and what the scheduler knows of it. */
export interface Worker {
  readonly poolId: string;
  /** As last reported. */
  report: PoolWorker;
  /** Ids of the jobs that hold its slots. */
  readonly jobs: Set<string>;
  /** Slots that an orchestrator which led before still uses for calls that go on there. */
  heldElsewhere: number;
  /** When it was first seen ready. */
  readySince: number | undefined;
  /** When it last took or ended a job; before its first job, when it became ready. */
  lastUsedAt: number;
  /** Whether it ever had a job. */
  served: boolean;
  /** Until when clients want it kept; undefined if none said so. */
  keepUntil: number | undefined;
  /** Whether anybody wants it who did not say how long: then the configuration counts, too. */
  isShared: boolean;
  /** When its stop was requested: it gets no jobs, even if its pool still reports it as ready. */
  stoppingSince: number | undefined;
  /** The stop request did not reach its pool: at the next report, the stop is decided again from the start. */
  stopFailed: boolean;
  /** When a job on it last reported progress. */
  heardAt: number;
  /** It lost a job to silence, and its other jobs were silent too: they have moved, and it is stopped. */
  hangs: boolean;
  /** Why it takes no more jobs; it is stopped once its last job has ended. */
  leaving: "unload" | "idle" | undefined;
  /** It lost a job and has probably ended: nothing is sent to it before this time. */
  suspectUntil: number;
}

/** Memory on a device of a pool. */
export interface Claim {
  readonly device: string;
  readonly bytes: number;
}

/** A worker that was requested and is not ready. */
export interface Spawn {
  readonly requestId: string;
  readonly poolId: string;
  readonly fingerprint: string;
  /** Its place: one device, or several in one name. */
  readonly device: string;
  /** Memory that it takes on each device, main memory included. */
  readonly claims: readonly Claim[];
  readonly startedAt: number;
  /** Set once the pool has answered. */
  workerId: string | undefined;
  /** Whether other workers were stopped to make room for it. */
  readonly isSwap: boolean;
  /** It is no longer wanted: its worker is stopped as soon as its pool reports it. */
  isCancelled: boolean;
  /** The job to try alone on it; undefined: it is for all jobs of its model. */
  readonly trialOf: string | undefined;
}

/** Failures in a row to start one model on one pool. */
export interface Breaker {
  failures: number;
  /** No spawn before this time. */
  retryAt: number;
  lastError: string;
  /** Whether every further try would fail the same way. */
  isFinal: boolean;
}

/** Replacement of one model of a pool by another; see `reload.ts`. */
export interface Reload {
  readonly poolId: string;
  /** Fingerprints. */
  readonly from: string;
  readonly to: string;
  /** The models as the operator named them. */
  readonly fromRef: string;
  readonly toRef: string;
  /** Kind of the device that holds the old model; the new one is loaded on the same kind. */
  readonly kind: Device["kind"];
  /** How long streams of the old model may go on once it takes no new jobs, in ms. */
  readonly streamsMs: number;
  /** Until when the new model must be ready. */
  readonly failsAt: number;
  stage: "loading" | "retiring" | "done" | "failed";
  /** Set once a worker was requested for the new model. */
  requestId: string | undefined;
  /** When streams of the old model are handed over; set once it takes no new jobs. */
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
  /** Its names. */
  readonly names: readonly string[];
}

/** Measurements of one model; moving averages are undefined until something was measured. */
export interface Rates {
  /** From the request for a worker to its readiness, in ms. */
  loadMs: number | undefined;
  /** Time of a token of a job, in ms. */
  tokenMs: number | undefined;
  /** Mean square of how far jobs were off from it, as a share. */
  offSquare: number;
  /** From dispatch to the first token, in ms, by tokens of the prompt. */
  readonly firstToken: LineFit;
  /** From the beginning of an attempt on its worker to its first token, in ms, by tokens that it reads. */
  readonly reading: LineFit;
  /** The same of a whole call that generates nothing. */
  readonly call: LineFit;
  readonly lengths: Lengths;
}

/** An attempt that has ended with an answer. */
export interface Served {
  readonly serviceMs: number;
  /** From dispatch to the first token; undefined where it is not known. */
  readonly firstTokenMs: number | undefined;
  readonly tokensIn: number;
  /** Of this attempt. */
  readonly tokensOut: number;
  /** Of all attempts. */
  readonly answerTokens: number;
  /** Whether the answer ended only at its bound. */
  readonly isCut: boolean;
  /** See {@linkcode Job.speaks}. */
  readonly speaks: boolean;
}

/** A tenant's cost and number of jobs. */
export interface Share {
  /** Virtual counter of what its jobs have cost, and of what the running ones will; see `fairness.ts`. */
  cost: number;
  /** The same without what the running ones have not had yet. */
  had: number;
  /** Its jobs that wait or run. */
  jobs: number;
}

/** Jobs that wait for one model in one class, by tenant, each tenant's oldest first. */
export type Line = Map<string, Map<string, Job>>;

/** Everything that decisions depend on. Owned by one loop; see `step.ts`. */
export interface State {
  /** Replaced as a whole when the configuration is read again. */
  policy: Policy;
  /** The daemon is stopping: no job is started any more; waiting jobs stay for the next start. */
  draining: boolean;
  /** Every waiting job. Each is also in exactly one of `lines`, `paused`, `suspects` and `held`. */
  readonly queued: Map<string, Job>;
  /** Waiting jobs that may start now, by model and class. */
  readonly lines: Map<string, Readonly<Record<Priority, Line>>>;
  /** Waiting jobs that pause after a failed attempt. */
  readonly paused: Set<string>;
  /** Waiting jobs with which workers died, to be tried alone; see `suspects.ts`. */
  readonly suspects: Set<string>;
  /** Waiting and running jobs that were the likeliest cause of a worker's death. */
  readonly blamed: Set<string>;
  /** Waiting jobs that are stored while the database takes no writes; see `storage.ts`. */
  readonly held: Set<string>;
  isStorageWritable: boolean;
  /** No deadline or queue timeout of a job comes before this time; see `step.ts`. */
  overdueFrom: number;
  /** No model has waited long enough for one more worker before this time; see `step.ts`. */
  replicasFrom: number;
  /** When to look again for room for one more worker, by the model's fingerprint; absent: at the next tick. */
  readonly replicaLookFrom: Map<string, number>;
  /** Reports of progress make no job yield before this time; see `step.ts`. */
  yieldsFrom: number;
  readonly running: Map<string, Job>;
  readonly shares: Map<string, Share>;
  /** Places in the queue that were promised to tenants' clients; see `capacity.ts`. */
  readonly promised: Map<string, Promises>;
  /** Where new tenants start while no tenant has a job: the cost of the last one that had. */
  floor: number;
  readonly pools: Map<string, Pool>;
  /** Workers of all pools by id. */
  readonly workers: Map<string, Worker>;
  /** The same workers by fingerprint. */
  readonly holders: Map<string, Set<Worker>>;
  /** By request id. */
  readonly spawns: Map<string, Spawn>;
  /** By {@linkcode breakerKey}. */
  readonly breakers: Map<string, Breaker>;
  /** Models that have waited long enough, and the ids of the workers that yield to each. */
  readonly swaps: Map<string, ReadonlySet<string>>;
  /** Id of the worker that last served a session or prefix, least recently used first. */
  readonly warm: Map<string, string>;
  /** Models that an operator or the configuration wants loaded, until they are; by {@linkcode placeKey}. */
  readonly wishes: Map<string, Wish>;
  /** By {@linkcode placeKey}. */
  readonly pins: Map<string, Pin>;
  /** Drained pools, and until when running streams may stay there. */
  readonly drains: Map<string, number>;
  /** The latest reload of each pool. */
  readonly reloads: Map<string, Reload>;
  readonly rates: Map<string, Rates>;
  /** Models that a pool had and no longer has; see `missing.ts`. */
  readonly missing: Map<string, Missing>;
  /** Makes request ids unique within this state. */
  /** Number of this start of the service; see {@linkcode initialState}. */
  readonly start: number;
  spawnCount: number;
}

/** An input of the scheduler: something that has happened, or that somebody asks for. */
export type Input =
  | { readonly kind: "submit"; readonly job: NewJob }
  /** A tenant found no place in the queue, and was told when to come back; see `capacity.ts`. */
  | { readonly kind: "turned_away"; readonly tenant: string; readonly retryAfterMs: number }
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
  /** The database takes writes again, or no longer. */
  | { readonly kind: "storage"; readonly isWritable: boolean }
  /** A job's unwritten events have reached their bound. */
  | { readonly kind: "unwritten"; readonly jobId: string; readonly attempt: number }
  /** Figures of a job that ended before this start. */
  | {
    readonly kind: "history";
    readonly fingerprint: string;
    readonly served: Served;
  }
  | { readonly kind: "spawn_accepted"; readonly requestId: string; readonly workerId: string }
  | { readonly kind: "stop_failed"; readonly workerId: string }
  /** Another orchestrator, which leads no more, still uses slots of these workers, by id. */
  | { readonly kind: "slots_held"; readonly slots: ReadonlyMap<string, number> }
  | { readonly kind: "spawn_failed"; readonly requestId: string; readonly message: string }
  /** An attempt goes on, though it has delivered nothing yet. */
  | {
    readonly kind: "heard";
    readonly jobId: string;
    readonly attempt: number;
    /** It begins now, and reads this many tokens of its prompt. */
    readonly tokensRead?: number;
  }
  /** `tokensOut`: delivered in this attempt so far, at least one. */
  | {
    readonly kind: "progress";
    readonly jobId: string;
    readonly attempt: number;
    readonly tokensOut: number;
    /** Its answer cannot go on in another attempt. */
    readonly isTied?: true;
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

/** A job as it is submitted, or as the store holds it after a restart. */
export type NewJob =
  & Pick<Job, "id" | "model" | "fingerprint" | "priority" | "tenant" | "queuedAt" | "deadlineAt">
  & Pick<Job, "tokensIn" | "tokensAtMost" | "maxTokens" | "affinity" | "speaks" | "isStored">
  & Partial<Pick<Job, "hasFallback" | "keepMs" | "delivered">>
  /** From the attempts before a restart. */
  & Pick<Job, "attempt" | "deaths">;

/** A pool's report; `models` is undefined where a heartbeat leaves them out. */
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
  /** The worker ended, hung, or refused for a reason that may not apply to another one. */
  | {
    readonly kind: "lost";
    readonly message: string;
    /** How long the stream was silent, in ms; set where that is the reason. */
    readonly silentMs?: number;
    /** The connection broke: the worker may have died. */
    readonly brokeOff?: true;
  }
  /** Another try would end the same way; the client has got the error. */
  | { readonly kind: "failed" };

/** Why a job ends without output. */
export interface JobError {
  readonly code: ErrorCode;
  readonly message: string;
  /** Overrides the default of the error code. */
  readonly retriable?: boolean;
  /** When another try may end otherwise, in ms from now. */
  readonly retryAfterMs?: number;
}

/** An effect that the scheduler requests. */
export type Effect =
  | {
    readonly kind: "dispatch";
    readonly jobId: string;
    readonly attempt: number;
    readonly poolId: string;
    readonly worker: PoolWorker;
  }
  /** End the running attempt; the job continues on another worker, or has ended. */
  | {
    readonly kind: "abort";
    readonly jobId: string;
    readonly attempt: number;
    readonly reason: string;
    /** Whether it gives its slot to others, and nothing has failed. */
    readonly yields?: true;
  }
  /** The worker of a job hung or died, and of all jobs that ran there this one is the likeliest cause. */
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
  /** A requested worker is ready. */
  | { readonly kind: "loaded"; readonly spawn: Spawn; readonly tookMs: number }
  /** A requested worker did not become ready. */
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

/**
 * The state of a new scheduler, without jobs and pools.
 *
 * @param start Number of this start of the service, which no other has.
 */
export function initialState(policy: Policy, start = 0): State {
  return {
    policy,
    start,
    draining: false,
    queued: new Map(),
    lines: new Map(),
    paused: new Set(),
    suspects: new Set(),
    blamed: new Set(),
    held: new Set(),
    isStorageWritable: true,
    overdueFrom: -Infinity,
    replicasFrom: -Infinity,
    replicaLookFrom: new Map(),
    yieldsFrom: -Infinity,
    running: new Map(),
    shares: new Map(),
    promised: new Map(),
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

/** A model on any device of any pool. */
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
