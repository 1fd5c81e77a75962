/** A stored file. Times are ms since the epoch. */
export interface FileRow {
  /** `file-…` */
  readonly id: string;
  /** Owner: the id of its API key; empty if there is none. */
  readonly tenant: string;
  readonly name: string;
  /** `batch_output`: made by a batch. */
  readonly purpose: "batch" | "batch_output";
  readonly bytes: number;
  /** Number of its parts, from 0. */
  readonly parts: number;
  /** Lines that are not blank. */
  readonly lines: number;
  readonly createdAt: number;
  /** Last time at which it was read, or used by a batch. */
  readonly usedAt: number;
  /** When it is erased, however often it is used. */
  readonly expiresAt: number | undefined;
}

/** A file of a list. */
export interface ListedFile extends FileRow {
  /** Number in the order of creation. */
  readonly seq: number;
}

/** A file that is begun. */
export type NewFile = Omit<FileRow, "bytes" | "parts" | "lines" | "usedAt" | "expiresAt">;

/** Which files a page shows. */
export interface FileFilter {
  readonly tenant?: string | undefined;
  /** Of a purpose that no file can have there are none. */
  readonly purpose?: string | undefined;
  /** Only files on the far side of this `seq`, in the order of the page. */
  readonly after?: number | undefined;
  /** Whether the oldest come first. */
  readonly isOldestFirst?: boolean;
  readonly limit: number;
}

/** What a tenant stores. */
export interface FileTotals {
  readonly count: number;
  readonly bytes: number;
}

/**
 * Files of clients, in parts. A file appears when it is finished: one that is still being written is only
 * counted. While the store cannot be written, {@linkcode begin}, {@linkcode append} and {@linkcode finish}
 * reject with `NOT_READY`; the other writes wait. {@linkcode append} also does while the disk is so full that
 * the service might not be able to write any more. Content that is removed leaves the database's files too.
 */
export interface FileStore {
  /** Begins a file; does nothing if the key that owns it is revoked. */
  begin(file: NewFile): Promise<void>;
  /** Adds the next part; does nothing if the file is not being written. */
  append(id: string, data: Uint8Array): Promise<void>;
  /**
   * Makes a file appear.
   *
   * @returns whether it was being written
   */
  finish(id: string, facts: Pick<FileRow, "lines" | "expiresAt">): Promise<boolean>;
  get(id: string): Promise<ListedFile | undefined>;
  /** A part of a file, from 0; undefined if there is none. */
  read(id: string, part: number): Promise<Uint8Array | undefined>;
  /** Files that match a filter, newest first unless it says otherwise. */
  page(filter: FileFilter): Promise<readonly ListedFile[]>;
  /** Files of a tenant, with those that are being written. */
  totals(tenant: string): Promise<FileTotals>;
  /** Notes a use; does nothing if the file is unknown, or was used later. */
  touch(id: string, at: number): Promise<void>;
  /** @returns whether there was such a file, whole or not */
  remove(id: string): Promise<boolean>;
  /**
   * Removes all files of a tenant, those that are being written too.
   *
   * @returns the number removed
   */
  removeOf(tenant: string): Promise<number>;
  /**
   * Removes the files that earlier processes have begun and not finished; to be called before one is begun.
   *
   * @returns the number removed
   */
  removeUnfinished(): Promise<number>;
  /**
   * Removes files whose time is over, and those last used before a time, but none that an unfinished batch
   * needs. Both times in ms since the epoch.
   *
   * @returns the number removed
   */
  expire(now: number, usedBefore: number): Promise<number>;
}
