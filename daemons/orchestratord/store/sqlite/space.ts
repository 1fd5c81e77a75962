import type { DatabaseSync } from "node:sqlite";
import type { Committer } from "#shared/committer.ts";
import { delay } from "#shared/lifecycle.ts";
import { isShrinkable, pageBytes } from "#shared/sqlite_shrink.ts";
import type { StoreSize } from "../job_store.ts";

/** Free pages that stay for what is written next, in bytes. */
const FREE_KEPT_BYTES = 1024 * 1024;

/** Pages that one transaction gives back, in about three milliseconds. */
const PAGES = 64;

/** Transactions of one look that give pages back. */
const SLICES = 16;

/** Between two of them others have the event loop for so long, in ms. */
const PAUSE_MS = 5;

/** A log that has grown so far is cut as soon as that is possible, in bytes; it is 4 MiB as a rule. */
const CUT_LOG_BYTES = 16 * 1024 * 1024;

/** One that cannot be cut is reported from this size on, in bytes. */
const LARGE_LOG_BYTES = 64 * 1024 * 1024;

/** What {@linkcode Space} needs. */
export interface SpaceOptions {
  readonly db: DatabaseSync;
  readonly committer: Committer;
  /** Called when the log is large and cannot be cut, and each time that it has doubled since. */
  readonly onLogGrows?: ((bytes: number) => void) | undefined;
}

/**
 * Keeps the files of a database small: gives free pages back to the file system in small steps, and
 * cuts the write-ahead log. A program that stays in a transaction that reads keeps the log from being
 * started over, so that it grows with each write until that program ends it: then the log is cut.
 */
export class Space {
  readonly #options: SpaceOptions;
  readonly #path: string;
  readonly #isShrinkable: boolean;
  #logBytes = 0;
  /** Size of the log at which its growth is reported next. */
  #reportAt = LARGE_LOG_BYTES;
  /** The log holds what must not stay there. */
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

  /** Does what there is to do, in bounded steps; to be called again and again. */
  look(): Promise<void> {
    return this.#looking ??= this.#look().finally(() => this.#looking = undefined);
  }

  /** Resolves when no look goes on. */
  get idle(): Promise<void> {
    return this.#looking ?? Promise.resolve();
  }

  /** Empties the log now or, where a program reads, as soon as it has ended. */
  cutLog(): void {
    this.#mustCut = !this.#isLogCut();
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

  /** Gives free pages back; true when it has, and none is left to give. */
  async #giveBack(): Promise<boolean> {
    const { db, committer } = this.#options;
    if (!this.#isShrinkable || committer.failure !== undefined) return false;
    let slices = 0;
    const isMore = () => pageBytes(db).free > FREE_KEPT_BYTES;
    for (; slices < SLICES && isMore(); slices++) {
      try {
        // A pragma with rows, each a page: `exec` would give back one.
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
