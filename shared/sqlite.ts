import { DatabaseSync } from "node:sqlite";
import { dirname } from "node:path";
import { errorMessage, LlorchError } from "./errors.ts";
import { isShrinkable, rewriteShrinkable } from "./sqlite_shrink.ts";

/** Longest wait for another process's lock while opening, in milliseconds. */
const TIMEOUT_MS = 5000;

/** Least bytes that opening a new database writes, including its log and the log's index. */
const PROBE_BYTES = 128 * 1024;

/** The log's file is truncated to this many bytes when SQLite starts it again. */
const LOG_KEPT_BYTES = 16 * 1024 * 1024;

/**
 * Opens a daemon's database: folder 0700, file 0600, WAL, migrated to the newest version. Only the
 * opening waits for another program's lock: later calls fail at once with `database is locked`
 * ({@linkcode isLocked}).
 *
 * @param migrations SQL of each version, oldest first; `user_version` counts those applied.
 * @param whenDamaged What to do about a damaged file, for the message.
 * @throws {LlorchError} `INTERNAL` with the path and what to do: for a folder that cannot be
 * written, a file that is damaged or not a database, or a database of a newer version.
 */
export function openDatabase(
  path: string,
  migrations: readonly string[],
  whenDamaged = "put a backup in its place, or move it away to start with an empty one",
): DatabaseSync {
  const fail = (reason: string, cause?: unknown) =>
    new LlorchError("INTERNAL", `Cannot open the database ${path}: ${reason}`, { cause });
  let db: DatabaseSync;
  try {
    Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // SQLite would create it with a wider mode.
    Deno.openSync(path, { create: true, write: true, mode: 0o600 }).close();
  } catch (error) {
    throw fail(`${errorMessage(error)}; choose another folder with --state-dir`, error);
  }
  const version = versionOf(path) ?? 0;
  if (version > migrations.length) {
    throw fail(
      `it has version ${version} and this program knows up to ${migrations.length}; ` +
        "install the newer program again",
    );
  }
  try {
    db = new DatabaseSync(path, { timeout: TIMEOUT_MS });
  } catch (error) {
    throw fail(`${errorMessage(error)}; choose another folder with --state-dir`, error);
  }
  try {
    const file = inodeOf(path);
    checkWhole(db, whenDamaged);
    // Another process has replaced the file while this one waited for the lock.
    if (file !== inodeOf(path)) {
      db.close();
      return openDatabase(path, migrations, whenDamaged);
    }
    // Has an effect only if the file is empty.
    db.exec("PRAGMA auto_vacuum = INCREMENTAL");
    db.exec("PRAGMA journal_mode = WAL");
    db.exec(`PRAGMA journal_size_limit = ${LOG_KEPT_BYTES}`);
    db.exec("PRAGMA synchronous = NORMAL");
    db.exec("PRAGMA foreign_keys = ON");
    db.exec("PRAGMA secure_delete = ON");
    migrate(db, migrations);
    if (!isShrinkable(db) && isRewritten(db, path, migrations)) {
      db.close();
      return openDatabase(path, migrations, whenDamaged);
    }
    // From now on a wait would block the event loop.
    db.exec("PRAGMA busy_timeout = 0");
    return db;
  } catch (error) {
    db.close();
    const advice = isLocked(error) ? "; end the other program that uses it, or wait for it" : "";
    const reason = hidesFullDisk(error, path) ? "database or disk is full" : errorMessage(error);
    throw fail(reason + advice, error);
  }
}

/**
 * The version of a database, opened read-only, since opening it for writing could change the file.
 * Undefined if it cannot be read; {@linkcode checkWhole} then says why.
 */
function versionOf(path: string): number | undefined {
  try {
    using db = new DatabaseSync(path, { readOnly: true, timeout: TIMEOUT_MS });
    return readVersion(db);
  } catch {
    return undefined;
  }
}

function readVersion(db: DatabaseSync): number {
  return Number(db.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
}

function checkWhole(db: DatabaseSync, whenDamaged: string): void {
  let result: unknown;
  try {
    result = db.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
  } catch (error) {
    result = errorMessage(error);
  }
  if (result === "ok") return;
  // SQLite's text has several lines.
  const reason = String(result).replaceAll(/\s*\n\s*/g, " ");
  throw new Error(`it is damaged (${reason}); ${whenDamaged}`);
}

/**
 * Rewrites an old file as one that can shrink. If that fails, usually because the disk is full, the
 * database is used as it is, and the next start tries again.
 */
function isRewritten(db: DatabaseSync, path: string, migrations: readonly string[]): boolean {
  try {
    if (rewriteShrinkable(db, path, (copy) => createAll(copy, migrations))) return true;
  } catch {
    // The database is used as it is.
  }
  rollBack(db);
  db.exec(`PRAGMA busy_timeout = ${TIMEOUT_MS}; PRAGMA journal_mode = WAL`);
  return false;
}

function createAll(db: DatabaseSync, migrations: readonly string[]): void {
  for (const sql of migrations) db.exec(sql);
  db.exec(`PRAGMA user_version = ${migrations.length}`);
}

function inodeOf(path: string): number | null {
  return Deno.statSync(path).ino;
}

function migrate(db: DatabaseSync, migrations: readonly string[]): void {
  const version = readVersion(db);
  for (const [index, sql] of migrations.entries()) {
    if (index < version) continue;
    inTransaction(db, () => {
      db.exec(sql);
      db.exec(`PRAGMA user_version = ${index + 1}`);
    });
  }
}

/** Runs `work` in a transaction, which is rolled back if it throws; rethrows its error. */
export function inTransaction(db: DatabaseSync, work: () => void): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    work();
    db.exec("COMMIT");
  } catch (error) {
    rollBack(db);
    throw error;
  }
}

/**
 * Rolls back the open transaction, if there is one: after a full disk or a failing device SQLite
 * has done so itself. It never throws, so that the earlier error is the one that is reported.
 */
export function rollBack(db: DatabaseSync): void {
  try {
    if (db.isOpen && db.isTransaction) db.exec("ROLLBACK");
  } catch {
    // The next transaction will report the error.
  }
}

/**
 * Whether an I/O error while opening means that the disk is full: SQLite does not say so if the
 * log's index cannot grow. To find out, it writes a file of that size.
 */
function hidesFullDisk(error: unknown, path: string): boolean {
  if (!/disk I\/O error/.test(errorMessage(error))) return false;
  const probe = `${path}.probe`;
  try {
    const file = Deno.openSync(probe, { createNew: true, write: true, mode: 0o600 });
    try {
      let left = PROBE_BYTES;
      while (left > 0) left -= file.writeSync(new Uint8Array(left));
    } finally {
      file.close();
      Deno.removeSync(probe);
    }
    return false;
  } catch (failure) {
    return /os error (28|112|122)\b/.test(errorMessage(failure));
  }
}

/** Whether an error means that another program holds the database's lock. */
export function isLocked(error: unknown): boolean {
  return /database is locked/.test(errorMessage(error));
}
