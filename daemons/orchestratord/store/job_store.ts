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
import type { KeyStore } from "./key_store.ts";

/** An event with the id that it carries on the wire: 1, 2, 3 … of its job. */
export interface NumberedEvent {
  readonly id: number;
  readonly event: StoredJobEvent;
}

/** A job as it is kept. Times are ms since the epoch. */
export interface JobRow {
  readonly seq: number;
  readonly jobId: string;
  readonly bodySha256: string;
  /** Undefined once erased. */
  readonly request: TaskRequest | undefined;
  readonly model: string;
  readonly fingerprint: string;
  readonly priority: Priority;
  readonly detached: boolean;
  readonly keyed: boolean;
  readonly seed: number;
  readonly status: JobStatus;
  readonly createdAt: number;
  readonly deadlineAt: number | undefined;
  /** Whose job it is: an API key's id, else a session's; empty for neither. */
  readonly tenant: string;
  readonly startedAt: number | undefined;
  readonly firstTokenAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly attempts: readonly Attempt[];
  readonly usage: Usage | undefined;
  /** Why it came to its end; jobs that ended before version 7 have none. */
  readonly stopReason: StopReason | undefined;
  readonly error: ErrorData | undefined;
}

/** A job of a list: what was asked stays where it is. */
export type ListedRow = Omit<JobRow, "request">;

/** Tokens of an ended job. */
export interface Usage {
  readonly tokens_in: number;
  readonly tokens_cached: number;
  readonly tokens_out: number;
}

/** A job that is accepted now. */
export interface NewJobRow {
  readonly jobId: string;
  readonly idempotencyKey: string | undefined;
  readonly bodySha256: string;
  readonly request: TaskRequest;
  readonly fingerprint: string;
  readonly seed: number;
  readonly createdAt: number;
  readonly deadlineAt: number | undefined;
  readonly tenant: string;
}

/** What changes in a job as it runs. */
export interface JobPatch {
  readonly status?: JobStatus;
  readonly startedAt?: number;
  readonly firstTokenAt?: number;
  readonly endedAt?: number;
  readonly attempts?: readonly Attempt[];
  readonly usage?: Usage;
  readonly stopReason?: StopReason;
  readonly error?: ErrorData;
  readonly contentExpiresAt?: number;
}

/** What is added to a job in one write. */
export interface Addition {
  readonly events: readonly NumberedEvent[];
  readonly patch?: JobPatch;
}

/** Which jobs a page shows. */
export interface JobFilter {
  readonly status?: JobStatus | undefined;
  readonly model?: string | undefined;
  readonly tenant?: string | undefined;
  /** Jobs with a lower `seq` only. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** A known pool, asked for its state after a restart. */
export interface PoolRow {
  readonly poolId: string;
  readonly endpoint: string;
  /** The API key with which it registered; undefined: the token that the daemons share. */
  readonly keyId: string | undefined;
}

/** A pool that is out of service. */
export interface DrainRow {
  readonly poolId: string;
  /** Until when its streams may run on, in ms since the epoch. */
  readonly endsAt: number;
}

/** What a database takes on disk, in bytes. */
export interface StoreSize {
  /** The database, with what stands in its log. */
  readonly bytes: number;
  /** Of these, what is free: used again, or given back step by step. */
  readonly freeBytes: number;
  /** The file of the write-ahead log. */
  readonly logBytes: number;
  /** False for a file of an earlier version that was not rewritten at the start. */
  readonly canShrink: boolean;
}

/**
 * What orchestratord remembers. A promise of a write resolves when it is committed: it then
 * survives `kill -9`. Writes of one caller are committed in the order in which they were made.
 *
 * While the database cannot be written (a full disk), new jobs are refused, and what accepted jobs
 * add waits until it can be.
 */
export interface JobStore {
  /** Keeps a new job and its first event; rejects when that cannot be written. */
  accept(job: NewJobRow, queued: NumberedEvent): Promise<void>;
  /** Resolves when every write committed so far is on disk: it then survives a power cut. */
  sync(): Promise<void>;
  /**
   * Adds events to a job, and changes it.
   *
   * @param take Gives what is to be written, when it is written; again after a failure.
   */
  append(jobId: string, take: () => Addition): Promise<void>;
  update(jobId: string, patch: JobPatch): Promise<void>;
  get(jobId: string): Promise<JobRow | undefined>;
  findByKey(idempotencyKey: string): Promise<JobRow | undefined>;
  /** Newest first. */
  page(filter: JobFilter): Promise<readonly ListedRow[]>;
  /** Events after an id, in order. */
  events(jobId: string, after: number, limit: number): Promise<readonly NumberedEvent[]>;
  /** Jobs that were completed last, oldest first. */
  completed(limit: number): Promise<readonly JobRow[]>;
  /** Stored jobs that ended with `REQUEST_UNSAFE` after a time, in ms since 1970, oldest first. */
  unsafeSince(
    time: number,
  ): Promise<readonly { readonly tenant: string; readonly endedAt: number }[]>;
  /** Oldest first. */
  unfinished(): Promise<readonly JobRow[]>;
  savePool(pool: PoolRow): Promise<void>;
  removePool(poolId: string): Promise<void>;
  pools(): Promise<readonly PoolRow[]>;
  saveDrain(drain: DrainRow): Promise<void>;
  removeDrain(poolId: string): Promise<void>;
  drains(): Promise<readonly DrainRow[]>;
  /** Resolves when it is on disk. */
  savePin(pin: Pin): Promise<void>;
  removePin(place: Place): Promise<void>;
  pins(): Promise<readonly Pin[]>;
  /** Erases contents whose time has come, and jobs that ended before `forgetEndedBefore`. */
  expire(now: number, forgetEndedBefore: number): Promise<{ erased: number; forgotten: number }>;
  /** What it takes on disk. */
  size(): StoreSize;
  /** Gives space back that is not needed, in small steps; to be called again and again. */
  tidy(): Promise<void>;
  /** Why the last write failed; undefined when it did not. */
  failure(): string | undefined;
  close(): Promise<void>;
}

/** Jobs, pools and API keys in one place. */
export interface Store extends JobStore {
  readonly keys: KeyStore;
}
