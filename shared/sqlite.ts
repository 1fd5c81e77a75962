import { DatabaseSync } from "node:sqlite";
import { dirname } from "node:path";
import { errorMessage, LlorchError } from "./errors.ts";
import { isShrinkable, rewriteShrinkable } from "./sqlite_shrink.ts";

/** Longest wait at the opening for another process that holds the database, in milliseconds. */
const TIMEOUT_MS = 5000;

/** What the opening of a new database writes at least, its log and the log's index included. */
const PROBE_BYTES = 128 * 1024;

/** The log's file is cut to this once it is started over, in bytes. */
const LOG_KEPT_BYTES = 16 * 1024 * 1024;

/**
 * Opens a daemon's database: folder 0700, file 0600, WAL, migrated to the newest version. A lock of
 * another program is waited for here only: later calls fail at once with `database is locked`
 * ({@linkcode isLocked}).
 *
 * @param migrations SQL of each version, oldest first; `user_version` counts those applied.
 * @param whenDamaged What to do about a damaged file.
 * @throws {LlorchError} `INTERNAL` that names the path and what to do: a folder that cannot be
 * written, a file that is no database or a damaged one, a database from a newer version.
 */
export function openDatabase(
  path: string,
  migrations: readonly string[],
  whenDamaged = "put a backup in its place, or move it away to begin anew",
): DatabaseSync {
  const fail = (reason: string, cause?: unknown) =>
    new LlorchError("INTERNAL", `Cannot open the database ${path}: ${reason}`, { cause });
  let db: DatabaseSync;
  try {
    Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    // Created by us first, so that it never exists with a wider mode.
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
    // Another start has put a new file in its place while this one waited for the lock.
    if (file !== inodeOf(path)) {
      db.close();
      return openDatabase(path, migrations, whenDamaged);
    }
    // Heeded where the file is empty.
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
    // From here on a wait would block the event loop.
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
 * The version of a database, which is not changed by looking: opened to be written, it would be
 * switched to WAL, or what stands in its log moved. Undefined where it cannot be read; what is wrong
 * with it is told by {@linkcode checkWhole}.
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
  let said: unknown;
  try {
    said = db.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
  } catch (error) {
    said = errorMessage(error);
  }
  if (said === "ok") return;
  // SQLite says it in several lines.
  const reason = String(said).replaceAll(/\s*\n\s*/g, " ");
  throw new Error(`it is damaged (${reason}); ${whenDamaged}`);
}

/**
 * Makes an old file one that can shrink. Where that fails, for want of room as a rule, the database
 * serves as it is: the next start tries again.
 */
function isRewritten(db: DatabaseSync, path: string, migrations: readonly string[]): boolean {
  try {
    if (rewriteShrinkable(db, path, (copy) => createAll(copy, migrations))) return true;
  } catch {
    // As it is.
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

/** Does all of it or, when it throws, nothing; the error is the one of the work. */
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
 * Takes an open transaction back, if there is one: SQLite has done so itself after a full disk or a
 * failing device. Never throws, so that what went wrong before is what is reported.
 */
export function rollBack(db: DatabaseSync): void {
  try {
    if (db.isOpen && db.isTransaction) db.exec("ROLLBACK");
  } catch {
    // The next transaction says what is wrong with the database.
  }
}

/**
 * Whether an I/O error at the opening is one for want of room: SQLite does not say so where the log's
 * index cannot grow. Asked of the file system, which takes a file of that index's size or not.
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

/** Whether an error says that another program holds the database's lock. */
export function isLocked(error: unknown): boolean {
  return /database is locked/.test(errorMessage(error));
}
