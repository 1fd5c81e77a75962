import type {
  Attempt,
  ErrorData,
  JobStatus,
  Priority,
  StopReason,
  StoredJobEvent,
  TaskRequest,
} from "#shared/contracts/mod.ts";
import type { Pin, Place } from "../scheduler/state.ts";
import type { BatchStore } from "./batch_store.ts";
import type { FileStore } from "./file_store.ts";
import type { ImageStore } from "./image_store.ts";
import type { Charge, KeyStore } from "./key_store.ts";
import type { SessionStore } from "./session_store.ts";
import type { ResponseStore } from "./response_store.ts";

/** An event with its id on the wire: 1, 2, 3 … within its job. */
export interface NumberedEvent {
  readonly id: number;
  readonly event: StoredJobEvent;
}

/** What a job asks of a worker in one call, where it does not generate. */
export interface StoredCall {
  readonly kind: "embed";
  /** Texts or token ids. */
  readonly input: readonly (string | readonly number[])[];
}

/** A stored job. Times are ms since the epoch. */
export interface JobRow {
  readonly seq: number;
  readonly jobId: string;
  readonly bodySha256: string;
  /** Undefined once erased. */
  readonly request: TaskRequest | undefined;
  /** Undefined for a job that generates, and once erased. */
  readonly call: StoredCall | undefined;
  readonly model: string;
  readonly fingerprint: string;
  readonly priority: Priority;
  readonly detached: boolean;
  readonly keyed: boolean;
  readonly seed: number;
  readonly status: JobStatus;
  readonly createdAt: number;
  readonly deadlineAt: number | undefined;
  /** Owner of the job: the id of its API key, or of its session if there is no key; empty if neither. */
  readonly tenant: string;
  readonly startedAt: number | undefined;
  readonly firstTokenAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly attempts: readonly Attempt[];
  readonly usage: Usage | undefined;
  /** Why generation stopped; undefined for jobs that ended before stores kept it. */
  readonly stopReason: StopReason | undefined;
  readonly error: ErrorData | undefined;
}

/** A job of a list, without what it asks. */
export type ListedRow = Omit<JobRow, "request" | "call">;

/** Tokens of an ended job. */
export interface Usage {
  readonly tokens_in: number;
  readonly tokens_cached: number;
  readonly tokens_out: number;
  readonly reasoning_tokens?: number;
}

/** A job that is being accepted. */
export interface NewJobRow {
  readonly jobId: string;
  readonly idempotencyKey: string | undefined;
  readonly bodySha256: string;
  readonly request: TaskRequest;
  readonly call?: StoredCall | undefined;
  readonly fingerprint: string;
  readonly seed: number;
  readonly createdAt: number;
  readonly deadlineAt: number | undefined;
  readonly tenant: string;
}

/** Changes to a stored job. */
export interface JobPatch {
  readonly status?: JobStatus;
  /** Of the model that answers, once a fallback takes over. */
  readonly fingerprint?: string;
  readonly startedAt?: number;
  readonly firstTokenAt?: number;
  readonly endedAt?: number;
  readonly attempts?: readonly Attempt[];
  readonly usage?: Usage;
  readonly stopReason?: StopReason;
  readonly error?: ErrorData;
  readonly contentExpiresAt?: number;
}

/** What one write adds to a job. */
export interface Addition {
  readonly events: readonly NumberedEvent[];
  readonly patch?: JobPatch;
  /** For the whole job; counted where its terminal event is stored for the first time. */
  readonly charge?: Charge | undefined;
}

/** Which jobs a page shows. */
export interface JobFilter {
  readonly status?: JobStatus | undefined;
  readonly model?: string | undefined;
  readonly tenant?: string | undefined;
  /** Only jobs with a lower `seq`. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** A known pool; it is asked for its state after a restart. */
export interface PoolRow {
  readonly poolId: string;
  readonly endpoint: string;
  /** Id of the API key with which it registered; undefined for the token that the daemons share. */
  readonly keyId: string | undefined;
}

/** A drained pool. */
export interface DrainRow {
  readonly poolId: string;
  /** Until when its streams may go on there, in ms since the epoch. */
  readonly endsAt: number;
}

/** One of several orchestrators on one database. */
export interface Member {
  readonly replicaId: string;
  /** Number of its start. */
  readonly start: number;
  /** Where the others reach it. */
  readonly url: string;
  readonly version: string;
  /** Hash of the settings by which it would decide; undefined: it does not say. */
  readonly policySha256: string | undefined;
  /** For how long it counts as alive without another report, in ms; below 0: it does not any more. */
  readonly leftMs: number;
  /** Slots that it still used when it gave up its jobs, by worker; see {@linkcode Store.giveUp}. */
  readonly heldSlots: ReadonlyMap<string, number>;
}

/** Several orchestrators on one database. */
export interface Members {
  /** Number of the leadership; each one has a higher number than the one before it. */
  readonly term: number;
  /** Start of the one that leads; undefined: nobody does. */
  readonly leader: number | undefined;
  /** For how long it leads without another renewal, in ms; below 0: it does not any more. */
  readonly leaseLeftMs: number;
  readonly replicas: readonly Member[];
}

/** What a store takes on disk, in bytes. */
export interface StoreSize {
  /** The data, including what is still only in the log. */
  readonly bytes: number;
  /** The free part of these; it is reused, or returned to the file system step by step. */
  readonly freeBytes: number;
  /** The log of writes, which takes its own space; 0 for a store without one. */
  readonly logBytes: number;
  /** False if free space is reused, but never returned to the file system. */
  readonly canShrink: boolean;
}

/**
 * What orchestratord stores. The promise of a write resolves when it is committed: it then survives
 * `kill -9`. Writes of one caller are committed in the order in which they were made.
 *
 * While the store cannot be written (a full disk), new jobs are refused with `NOT_READY`, and writes of
 * accepted jobs wait until it can. Reads go on, without the writes that wait.
 */
export interface JobStore {
  /**
   * Begins a start of the service, before it accepts and continues jobs.
   *
   * @returns a number that no other start has had or will have; later starts have higher ones
   */
  begin(): Promise<number>;
  /**
   * Gives up the jobs of this start that have not ended, so that another start may continue them at once. To
   * be called once nothing more of them is written.
   *
   * @param heldSlots Slots by worker that this start still uses, for calls that are not stored.
   */
  giveUp(heldSlots: ReadonlyMap<string, number>): Promise<void>;
  /** The orchestrators on this database, the one that leads among them; undefined if there can be only one. */
  members(): Promise<Members | undefined>;
  /**
   * What the clock that all orchestrators on this database go by is ahead of this machine's, in ms; 0 if there
   * can be only one.
   */
  clockOffsetMs(): number;
  /**
   * Stores a new job and its first event, unless another job has its idempotency key; rejects if that cannot
   * be written. The same job once more changes nothing.
   *
   * @returns the job's id, or that of the job that has the key
   */
  accept(job: NewJobRow, queued: NumberedEvent): Promise<string>;
  /** Resolves when every write that was committed so far is on disk: it then survives a power cut. */
  sync(): Promise<void>;
  /**
   * Adds events to a job, and changes it. An event that is stored already, by its id, changes nothing.
   *
   * @param take Called when the write happens, and again after a failure; returns what to write.
   */
  append(jobId: string, take: () => Addition): Promise<void>;
  update(jobId: string, patch: JobPatch): Promise<void>;
  /** Removes a job that was refused after all, with its events. */
  remove(jobId: string): Promise<void>;
  get(jobId: string): Promise<JobRow | undefined>;
  findByKey(idempotencyKey: string): Promise<JobRow | undefined>;
  /** Jobs that match a filter, newest first. */
  page(filter: JobFilter): Promise<readonly ListedRow[]>;
  /** Events after an id, in order. */
  events(jobId: string, after: number, limit: number): Promise<readonly NumberedEvent[]>;
  /** The jobs that were completed most recently, oldest first. */
  completed(limit: number): Promise<readonly JobRow[]>;
  /** Jobs that ended with `REQUEST_UNSAFE` after a time, in ms since the epoch, oldest first. */
  unsafeSince(
    time: number,
  ): Promise<readonly { readonly tenant: string; readonly endedAt: number }[]>;
  /** Jobs that have not ended, in the order in which they were accepted. */
  unfinished(): Promise<readonly JobRow[]>;
  savePool(pool: PoolRow): Promise<void>;
  removePool(poolId: string): Promise<void>;
  pools(): Promise<readonly PoolRow[]>;
  saveDrain(drain: DrainRow): Promise<void>;
  removeDrain(poolId: string): Promise<void>;
  drains(): Promise<readonly DrainRow[]>;
  savePin(pin: Pin): Promise<void>;
  removePin(place: Place): Promise<void>;
  pins(): Promise<readonly Pin[]>;
  /**
   * Erases prompts and outputs whose retention is over, and jobs that ended before `forgetEndedBefore`; both
   * times in ms since the epoch.
   *
   * @returns the number of jobs of each kind
   */
  expire(now: number, forgetEndedBefore: number): Promise<{ erased: number; forgotten: number }>;
  size(): StoreSize;
  /** Returns unneeded space to the file system in small steps; to be called regularly. */
  tidy(): Promise<void>;
  /** Why the last write failed; undefined if it did not. */
  failure(): string | undefined;
  close(): Promise<void>;
}

/** Jobs, pools, API keys, responses, files, images and batches in one place. */
export interface Store extends JobStore {
  readonly batches: BatchStore;
  readonly files: FileStore;
  readonly images: ImageStore;
  readonly keys: KeyStore;
  readonly responses: ResponseStore;
  readonly sessions: SessionStore;
}
