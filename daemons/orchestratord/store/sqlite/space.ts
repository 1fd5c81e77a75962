import type { DatabaseSync } from "node:sqlite";
import type { Committer } from "#shared/committer.ts";
import { delay } from "#shared/lifecycle.ts";
import { isShrinkable, pageBytes } from "#shared/sqlite_shrink.ts";
import type { StoreSize } from "../job_store.ts";

/** Free pages that are kept for the next writes, in bytes. */
const FREE_KEPT_BYTES = 1024 * 1024;

/** Pages that one transaction gives back, which takes about three milliseconds. */
const PAGES = 64;

/** Transactions that give pages back in one call of {@linkcode Space.look}, at most. */
const SLICES = 16;

/** Pause between two of them, in which the event loop can do other work, in ms. */
const PAUSE_MS = 5;

/** A log of at least this size is truncated as soon as possible, in bytes; 4 MiB is usual. */
const CUT_LOG_BYTES = 16 * 1024 * 1024;

/** A log that cannot be truncated is reported from this size on, in bytes. */
const LARGE_LOG_BYTES = 64 * 1024 * 1024;

/** Options of {@linkcode Space}. */
export interface SpaceOptions {
  readonly db: DatabaseSync;
  readonly committer: Committer;
  /** Called when the log is large and cannot be truncated, and again each time its size has doubled. */
  readonly onLogGrows?: ((bytes: number) => void) | undefined;
}

/**
 * Keeps the files of a database small: gives free pages back to the file system in small steps, and
 * truncates the write-ahead log. While another program has a read transaction open, the log cannot be
 * reused and grows with each write; it is truncated once that transaction has ended.
 */
export class Space {
  readonly #options: SpaceOptions;
  readonly #path: string;
  readonly #isShrinkable: boolean;
  #logBytes = 0;
  /** Size of the log at which its growth is reported next. */
  #reportAt = LARGE_LOG_BYTES;
  /** The log holds content that must not stay there. */
  #mustCut = false;
  #looking: Promise<void> | undefined;

  constructor(path: string, options: SpaceOptions) {
    this.#path = `${path}-wal`;
    this.#options = options;
    this.#isShrinkable = isShrinkable(options.db);
  }

  size(): StoreSize {
    const { total, free } = pageBytes(this.#options.db);
    return {
      bytes: total,
      freeBytes: free,
      logBytes: this.#logBytes,
      canShrink: this.#isShrinkable,
    };
  }

  /** Does the work that is due, in bounded steps; to be called regularly. */
  look(): Promise<void> {
    return this.#looking ??= this.#look().finally(() => this.#looking = undefined);
  }

  /** Resolves when no {@linkcode look} is running. */
  get idle(): Promise<void> {
    return this.#looking ?? Promise.resolve();
  }

  /** Truncates the log now or, if another program is reading, at the first {@linkcode look} after that. */
  cutLog(): void {
    this.#mustCut = !this.#isLogCut();
  }

  /** Truncates the log at the next {@linkcode look}. */
  cutLogSoon(): void {
    this.#mustCut = true;
  }

  async #look(): Promise<void> {
    if (await this.#giveBack()) this.#mustCut = true;
    this.#logBytes = await sizeOf(this.#path);
    if (this.#mustCut || this.#logBytes >= CUT_LOG_BYTES) this.cutLog();
    this.#logBytes = await sizeOf(this.#path);
    if (this.#logBytes < LARGE_LOG_BYTES) this.#reportAt = LARGE_LOG_BYTES;
    else if (this.#logBytes >= this.#reportAt) {
      this.#reportAt = this.#logBytes * 2;
      this.#options.onLogGrows?.(this.#logBytes);
    }
  }

  /** Gives free pages back; true if it gave some back and none is left to give. */
  async #giveBack(): Promise<boolean> {
    const { db, committer } = this.#options;
    if (!this.#isShrinkable || committer.failure !== undefined) return false;
    let slices = 0;
    const isMore = () => pageBytes(db).free > FREE_KEPT_BYTES;
    for (; slices < SLICES && isMore(); slices++) {
      try {
        // The pragma frees one page per row that is read, so that `exec` would free only one.
        await committer.write((db) => void db.prepare(`PRAGMA incremental_vacuum(${PAGES})`).all());
        await delay(PAUSE_MS);
      } catch {
        return false; // The database cannot be written, which its owner reports.
      }
    }
    return slices > 0 && !isMore();
  }

  #isLogCut(): boolean {
    try {
      return this.#options.db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"] === 0;
    } catch {
      return false; // A full disk or a failing device, which writes report.
    }
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).size;
  } catch {
    return 0;
  }
}
