import { setImmediate } from "node:timers";
import type { DatabaseSync } from "node:sqlite";
import { errorMessage, LlorchError } from "./errors.ts";
import { delay } from "./lifecycle.ts";
import { isLocked, rollBack } from "./sqlite.ts";

/**
 * Least time from one commit to the next, in milliseconds. A single write is not delayed; many
 * writes share a commit.
 */
const COMMIT_EVERY_MS = 2;

/** Time between two attempts to write a database that cannot be written, in milliseconds. */
const RETRY_MS = 250;

/** Time between two attempts while another program has locked the database, in milliseconds. */
const LOCK_RETRY_MS = 10;

/**
 * After a lock of this length, in milliseconds, the database counts as one that cannot be written.
 */
const LOCK_WAIT_MS = 5_000;

/** When clients may try again after a refused write, in milliseconds. */
const RETRY_AFTER_MS = 10_000;

interface Pending {
  readonly write: (db: DatabaseSync) => void;
  /** Whether it waits while the database cannot be written, instead of failing. */
  readonly waits: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** What takes part in each transaction of a {@linkcode Committer}. */
export interface TransactionPart {
  /** Called after one or more writes, in the transaction: adds to them. */
  seal(): void;
  /** Called if a write is undone since it breaks a constraint: forgets what came since the last {@linkcode seal}. */
  drop(): void;
  /** Called once the transaction has ended. */
  ended(isCommitted: boolean): void;
}

/** How a {@linkcode Committer} treats a database that cannot be written. */
export interface CommitterOptions {
  /** Time between two attempts, in ms. */
  readonly retryMs?: number;
  /** Writes wait this long, in ms, for another program that holds the database's lock. */
  readonly lockWaitMs?: number;
  /** Called with the reason when writes begin to fail, and with undefined once they work again. */
  readonly onFailure?: ((reason: string | undefined) => void) | undefined;
  readonly part?: TransactionPart;
}

/**
 * Puts all writes of one turn of the event loop, or of two milliseconds if there are many, into one
 * transaction: a commit costs about the same for one row as for a hundred.
 *
 * A write that breaks a constraint fails alone. If the database itself cannot be written (a full
 * disk, a failing device), {@linkcode write} fails, {@linkcode keep} waits, and the committer tries
 * again until it works. While another program holds the lock, both wait; after `lockWaitMs` the
 * database counts as one that cannot be written. SQLite's own waiting would block the event loop,
 * so the connection must have a busy timeout of 0.
 */
export class Committer {
  readonly #db: DatabaseSync;
  readonly #retryMs: number;
  readonly #lockWaitMs: number;
  readonly #onFailure: CommitterOptions["onFailure"];
  readonly #part: TransactionPart | undefined;
  #pending: Pending[] = [];
  #scheduled = false;
  #committedAt = -Infinity;
  #failure: string | undefined;
  /** Since when another program has held the lock, in ms of `performance.now()`. */
  #lockedSince: number | undefined;
  /** Set while the database cannot be written or is locked: only this timer tries again. */
  #retry: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(
    db: DatabaseSync,
    { retryMs = RETRY_MS, lockWaitMs = LOCK_WAIT_MS, onFailure, part }: CommitterOptions = {},
  ) {
    this.#db = db;
    this.#retryMs = retryMs;
    this.#lockWaitMs = lockWaitMs;
    this.#onFailure = onFailure;
    this.#part = part;
  }

  /** Why the database cannot be written; undefined if it can. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /**
   * Resolves when the write is committed.
   *
   * @throws {LlorchError} `NOT_READY` if the database cannot be written; the cause says why
   */
  write(write: (db: DatabaseSync) => void): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#refusal());
    return this.#add(write, false);
  }

  /**
   * Resolves when the write is committed, however long the database cannot be written. Rejects if
   * the write breaks a constraint, or if the committer is closed first.
   */
  keep(write: (db: DatabaseSync) => void): Promise<void> {
    return this.#add(write, true);
  }

  /**
   * Commits the waiting writes now, unless the database cannot be written: then they go on waiting.
   */
  flush(): void {
    this.#scheduled = false;
    if (this.#retry === undefined && this.#pending.length > 0) this.#commit();
  }

  /** Commits the waiting writes for the last time; waits for another program's lock. */
  async close(): Promise<void> {
    this.flush();
    while (this.#retry !== undefined && this.#failure === undefined) await delay(LOCK_RETRY_MS);
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.flush();
    clearTimeout(this.#retry);
    this.#isClosed = true;
    const error = new Error(`The database is closed: ${this.#failure}`);
    for (const { reject } of this.#pending.splice(0)) reject(error);
  }

  #add(write: (db: DatabaseSync) => void, waits: boolean): Promise<void> {
    if (this.#isClosed) return Promise.reject(new Error("The database is closed"));
    return new Promise((resolve, reject) => {
      this.#pending.push({ write, waits, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      const wait = this.#committedAt + COMMIT_EVERY_MS - performance.now();
      if (wait > 0) setTimeout(() => this.flush(), wait);
      else setImmediate(() => this.flush());
    });
  }

  #commit(): void {
    this.#committedAt = performance.now();
    const batch = this.#pending;
    this.#pending = [];
    const done: Pending[] = [];
    const refused: [Pending, unknown][] = [];
    try {
      if (this.#commitAll(batch)) done.push(...batch);
      else {
        this.#begin();
        for (const pending of batch) {
          const error = this.#apply(pending);
          if (error === undefined) done.push(pending);
          else refused.push([pending, error]);
        }
        this.#end();
      }
    } catch (error) {
      this.#rollBack();
      return this.#fail(batch, error);
    }
    this.#lockedSince = undefined;
    if (this.#failure !== undefined) {
      this.#failure = undefined;
      this.#onFailure?.(undefined);
    }
    for (const { resolve } of done) resolve();
    for (const [{ reject }, error] of refused) reject(error);
  }

  /**
   * Commits all writes without savepoints, which would cost more than the writes. If one breaks a
   * constraint, which is rare, it writes nothing and returns false.
   */
  #commitAll(batch: readonly Pending[]): boolean {
    this.#begin();
    try {
      for (const { write } of batch) write(this.#db);
      this.#part?.seal();
    } catch (error) {
      if (!isConstraint(error)) throw error;
      this.#rollBack();
      return false;
    }
    this.#end();
    return true;
  }

  /** Moves the log into the database and empties it: on a full disk, the log may have filled it. */
  #shrinkLog(): void {
    try {
      this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // Tried again before the next attempt.
    }
  }

  #begin(): void {
    this.#db.exec("BEGIN IMMEDIATE");
  }

  #end(): void {
    this.#db.exec("COMMIT");
    this.#part?.ended(true);
  }

  #rollBack(): void {
    rollBack(this.#db);
    this.#part?.ended(false);
  }

  /** Returns the error of a broken constraint, if any; throws all other errors. */
  #apply({ write }: Pending): unknown {
    this.#db.exec("SAVEPOINT one");
    try {
      write(this.#db);
      this.#part?.seal();
      this.#db.exec("RELEASE one");
    } catch (error) {
      if (!isConstraint(error)) throw error;
      this.#part?.drop();
      this.#db.exec("ROLLBACK TO one; RELEASE one");
      return error;
    }
  }

  #fail(batch: readonly Pending[], error: unknown): void {
    const isLock = isLocked(error);
    const now = performance.now();
    this.#lockedSince = isLock ? this.#lockedSince ?? now : undefined;
    const isOver = now - (this.#lockedSince ?? -Infinity) >= this.#lockWaitMs;
    if (this.#failure !== undefined || isOver) this.#refuse(batch, error);
    else this.#pending = [...batch, ...this.#pending];
    this.#retry = setTimeout(() => this.#try(), isLock ? LOCK_RETRY_MS : this.#retryMs);
  }

  /** Rejects the writes that do not wait until the database can be written. */
  #refuse(batch: readonly Pending[], error: unknown): void {
    const isNews = this.#failure === undefined;
    const reason = errorMessage(error);
    this.#failure = isLocked(error) ? `another program has locked it: ${reason}` : reason;
    if (isNews) this.#onFailure?.(this.#failure);
    this.#pending = [...batch.filter(({ waits }) => waits), ...this.#pending];
    for (const { waits, reject } of batch) if (!waits) reject(this.#refusal());
  }

  #refusal(): LlorchError {
    return new LlorchError("NOT_READY", `The database cannot be written: ${this.#failure}`, {
      cause: new Error(this.#failure),
      retryAfterMs: RETRY_AFTER_MS,
    });
  }

  /**
   * Commits the waiting writes; without any, rewrites the version, to learn whether writes work.
   */
  #try(): void {
    this.#retry = undefined;
    if (this.#lockedSince === undefined) this.#shrinkLog();
    if (this.#pending.length > 0) return this.#commit();
    this.#pending.push({
      write(db) {
        const { user_version } = db.prepare("PRAGMA user_version").get()!;
        db.exec(`PRAGMA user_version = ${user_version}`);
      },
      waits: false,
      resolve() {},
      reject() {},
    });
    this.#commit();
  }
}

function isConstraint(error: unknown): boolean {
  return /constraint failed/.test(errorMessage(error));
}
