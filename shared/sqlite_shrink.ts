import { DatabaseSync } from "node:sqlite";

/** Largest database that is copied at a start, in bytes in use; it takes a few seconds. */
const MAX_COPY_BYTES = 64 * 1024 * 1024;

/** Whether a database can return free pages to the file system. */
export function isShrinkable(db: DatabaseSync): boolean {
  // 2: INCREMENTAL
  return db.prepare("PRAGMA auto_vacuum").get()?.["auto_vacuum"] === 2;
}

/** Bytes of all pages and of free pages of a database, including those in its log. */
export function pageBytes(db: DatabaseSync): { readonly total: number; readonly free: number } {
  const pragma = (name: string) => Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
  const size = pragma("page_size");
  return { total: pragma("page_count") * size, free: pragma("freelist_count") * size };
}

/**
 * Replaces a database of an earlier version with a copy that can shrink. SQLite decides that when a
 * file is created, and `VACUUM` needs ATTACH, which Deno allows only with all permissions; so the
 * rows are copied. At any moment the file is either the old or the new one.
 *
 * It does not replace a database that another program has open, nor a large one, since copying it
 * would delay the start.
 *
 * @param path The database's file; if the result is true, the caller closes `db` and opens it
 * again.
 * @param create Creates the tables.
 * @returns whether the file was replaced
 */
export function rewriteShrinkable(
  db: DatabaseSync,
  path: string,
  create: (db: DatabaseSync) => void,
  maxBytes = MAX_COPY_BYTES,
): boolean {
  const { total, free } = pageBytes(db);
  if (total - free > maxBytes || !takeAlone(db)) return false;
  const aside = `${path}.incomplete`;
  Deno.openSync(aside, { create: true, truncate: true, write: true, mode: 0o600 }).close();
  try {
    const copy = new DatabaseSync(aside);
    try {
      // No journal is needed, since an unfinished copy is discarded.
      copy.exec("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = OFF; BEGIN");
      create(copy);
      copy.exec("PRAGMA defer_foreign_keys = ON");
      for (const table of tablesOf(copy)) copyRows(db, copy, table);
      copy.exec("COMMIT");
    } finally {
      copy.close();
    }
    const file = Deno.openSync(aside, { read: true, write: true });
    file.syncSync();
    file.close();
    Deno.renameSync(aside, path);
    return true;
  } catch (error) {
    Deno.removeSync(aside);
    throw error;
  }
}

/** Locks out other programs; false if one has the database open. */
function takeAlone(db: DatabaseSync): boolean {
  try {
    db.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
    return true;
  } catch {
    return false;
  }
}

function tablesOf(db: DatabaseSync): string[] {
  return db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid").all()
    .map(({ name }) => String(name))
    .filter((name) => !name.startsWith("sqlite_") || name === "sqlite_sequence");
}

/** Copies the rows of a table to a database that has the same table. */
export function copyRows(from: DatabaseSync, to: DatabaseSync, table: string): void {
  const names = from.prepare(`PRAGMA table_info(${table})`).all().map(({ name }) => String(name));
  const insert = to.prepare(
    `INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
  );
  to.exec(`DELETE FROM ${table}`);
  const rows = from.prepare(`SELECT ${names.join(", ")} FROM ${table}`);
  for (const row of rows.iterate()) insert.run(...names.map((name) => row[name]!));
}
