/** Where a batch stands; the last four are its ends. */
export type BatchStatus =
  | "validating"
  | "in_progress"
  | "finalizing"
  | "cancelling"
  | "completed"
  | "failed"
  | "expired"
  | "cancelled";

/** A stored batch. Times are ms since the epoch. */
export interface BatchRow {
  /** `batch_…` */
  readonly id: string;
  /** Owner: the id of its API key; empty if there is none. */
  readonly tenant: string;
  /** Path of the route that its lines call. */
  readonly endpoint: string;
  readonly inputFileId: string;
  readonly status: BatchStatus;
  readonly metadata: Readonly<Record<string, string>> | undefined;
  /** How long its files are kept, in ms; undefined: as other files. */
  readonly outputMs: number | undefined;
  readonly createdAt: number;
  /** When lines that have not ended are given up. */
  readonly expiresAt: number;
  readonly inProgressAt: number | undefined;
  readonly finalizingAt: number | undefined;
  readonly cancellingAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Lines of its input, and those that have ended well or not. */
  readonly total: number;
  readonly completed: number;
  readonly failed: number;
  readonly outputFileId: string | undefined;
  readonly errorFileId: string | undefined;
  /** Why it failed as a whole. */
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

/** A batch of a list. */
export interface ListedBatch extends BatchRow {
  /** Number in the order of creation. */
  readonly seq: number;
}

/** Changes to a stored batch. */
export type BatchPatch = Partial<
  Pick<
    BatchRow,
    | "status"
    | "inProgressAt"
    | "finalizingAt"
    | "cancellingAt"
    | "endedAt"
    | "failed"
    | "outputFileId"
    | "errorFileId"
    | "error"
  >
>;

/** Which batches a page shows. */
export interface BatchFilter {
  readonly tenant?: string | undefined;
  /** Only batches with a lower `seq`. */
  readonly before?: number | undefined;
  readonly limit: number;
}

/** The result of a line. */
export interface LineResult {
  /** Number of the line in its file, from 1. */
  readonly line: number;
  readonly isError: boolean;
  /** JSON text, a line of one of the batch's files. */
  readonly result: string;
}

/**
 * Batches and the results of their lines. While the store cannot be written, {@linkcode add} rejects with
 * `NOT_READY`; the other writes wait.
 */
export interface BatchStore {
  /** Stores a batch; does nothing if the key that owns it is revoked. */
  add(batch: BatchRow): Promise<void>;
  get(id: string): Promise<ListedBatch | undefined>;
  /** Changes an unfinished batch; does nothing if it is unknown or has ended. */
  update(id: string, patch: BatchPatch): Promise<void>;
  /** Batches that have not ended, in the order of their creation. */
  unfinished(): Promise<readonly BatchRow[]>;
  /** Number of unfinished batches of a tenant. */
  countUnfinished(tenant: string): Promise<number>;
  /** Batches that match a filter, newest first. */
  page(filter: BatchFilter): Promise<readonly ListedBatch[]>;
  /** Stores the result of a line and counts it, once; does nothing if the batch is unknown or has ended. */
  addResult(id: string, result: LineResult): Promise<void>;
  /** Numbers of the lines that have a result. */
  linesDone(id: string): Promise<readonly number[]>;
  /** The first result after a line. */
  nextResult(id: string, after: number): Promise<LineResult | undefined>;
  /** Drops the results of a batch, in small steps; to be called when it has ended. */
  dropResults(id: string): Promise<void>;
  /**
   * Removes all batches of a tenant with their results, unfinished ones too.
   *
   * @returns the number removed
   */
  removeOf(tenant: string): Promise<number>;
  /**
   * Removes batches that ended before a time, in ms since the epoch.
   *
   * @returns the number removed
   */
  expire(endedBefore: number): Promise<number>;
}
