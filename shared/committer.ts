import { setImmediate } from "node:timers";
import type { DatabaseSync } from "node:sqlite";
import { errorMessage, LlorchError } from "./errors.ts";
import { delay } from "./lifecycle.ts";
import { isLocked, rollBack } from "./sqlite.ts";

/**
 * Least time from one commit to the next, in milliseconds: where little is written it delays nothing,
 * and where much is, more share a commit.
 */
const COMMIT_EVERY_MS = 2;

/** A database that refused to be written is tried again this often, in milliseconds. */
const RETRY_MS = 250;

/** One that another program has locked is tried again this often, in milliseconds. */
const LOCK_RETRY_MS = 10;

/** A lock that is held longer counts as a database that cannot be written, in milliseconds. */
const LOCK_WAIT_MS = 5_000;

/** Clients whose write was refused may come again after this, in milliseconds. */
const RETRY_AFTER_MS = 10_000;

interface Pending {
  readonly write: (db: DatabaseSync) => void;
  /** Whether it waits until it can be written, rather than fail. */
  readonly waits: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** How a committer goes about a database that cannot be written. */
export interface CommitterOptions {
  /** It is tried again after this, in ms. */
  readonly retryMs?: number;
  /** Writes wait this long, in ms, for another program that holds the database's lock. */
  readonly lockWaitMs?: number;
  /** Called when it begins to fail, with the reason, and with undefined once it works again. */
  readonly onFailure?: ((reason: string | undefined) => void) | undefined;
}

/**
 * Puts all writes of one turn of the event loop, and of two milliseconds where there are many, into
 * one transaction: a commit costs about the same for one row as for a hundred.
 *
 * A write that breaks a constraint fails alone. When the database itself cannot be written (a full
 * disk, a device that fails), then {@linkcode write} fails, {@linkcode keep} waits, and the database
 * is tried again until it takes writes. While another program holds the lock, both wait; after
 * `lockWaitMs` it is a database that cannot be written. SQLite's own waiting would block the event
 * loop, so the connection must have a busy timeout of 0.
 */
export class Committer {
  readonly #db: DatabaseSync;
  readonly #retryMs: number;
  readonly #lockWaitMs: number;
  readonly #onFailure: CommitterOptions["onFailure"];
  #pending: Pending[] = [];
  #scheduled = false;
  #committedAt = -Infinity;
  #failure: string | undefined;
  /** Since when another program holds the lock, by the steady clock. */
  #lockedSince: number | undefined;
  /** Set while the database refuses writes: only this timer tries it again. */
  #retry: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(
    db: DatabaseSync,
    { retryMs = RETRY_MS, lockWaitMs = LOCK_WAIT_MS, onFailure }: CommitterOptions = {},
  ) {
    this.#db = db;
    this.#retryMs = retryMs;
    this.#lockWaitMs = lockWaitMs;
    this.#onFailure = onFailure;
  }

  /** Why the database could not be written the last time; undefined when it could. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /**
   * Resolves when the write is committed.
   *
   * @throws {LlorchError} `NOT_READY` when the database cannot be written; the cause says why
   */
  write(write: (db: DatabaseSync) => void): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#refusal());
    return this.#add(write, false);
  }

  /**
   * Resolves when the write is committed, however long the database refuses it; rejects when it breaks
   * a constraint, or when the committer is closed before.
   */
  keep(write: (db: DatabaseSync) => void): Promise<void> {
    return this.#add(write, true);
  }

  /** Commits what waits, now, unless the database refuses writes: then what waits goes on waiting. */
  flush(): void {
    this.#scheduled = false;
    if (this.#retry === undefined && this.#pending.length > 0) this.#commit();
  }

  /** Commits what waits, for the last time. A lock of another program is waited for. */
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
        this.#db.exec("COMMIT");
      }
    } catch (error) {
      rollBack(this.#db);
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
   * Commits writes of which none breaks a constraint, as is nearly always so: a savepoint for each
   * would cost more than the writes. False where one does; nothing is written then.
   */
  #commitAll(batch: readonly Pending[]): boolean {
    this.#begin();
    try {
      for (const { write } of batch) write(this.#db);
    } catch (error) {
      if (!isConstraint(error)) throw error;
      rollBack(this.#db);
      return false;
    }
    this.#db.exec("COMMIT");
    return true;
  }

  /** On a full disk the log itself may be what takes the room: what it holds is moved, and it is emptied. */
  #shrinkLog(): void {
    try {
      this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // Then the next try may.
    }
  }

  #begin(): void {
    this.#db.exec("BEGIN IMMEDIATE");
  }

  /** The constraint that a write breaks, if any; throws when the database itself refuses. */
  #apply({ write }: Pending): unknown {
    this.#db.exec("SAVEPOINT one");
    try {
      write(this.#db);
      this.#db.exec("RELEASE one");
    } catch (error) {
      if (!isConstraint(error)) throw error;
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

  /** Gives up the writes that do not wait until the database can be written. */
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

  /** Writes what waits; with nothing to write, the version as it is, to learn whether that works. */
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
