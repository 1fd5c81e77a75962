import { DatabaseSync } from "node:sqlite";

/** What is used of a database may be copied at a start up to this size, in bytes: a few seconds. */
const MAX_COPY_BYTES = 64 * 1024 * 1024;

/** Whether a database can give free pages back to the file system. */
export function isShrinkable(db: DatabaseSync): boolean {
  // 2: INCREMENTAL
  return db.prepare("PRAGMA auto_vacuum").get()?.["auto_vacuum"] === 2;
}

/** Bytes of a database's file by what its pages hold, what stands in its log included. */
export function pageBytes(db: DatabaseSync): { readonly total: number; readonly free: number } {
  const pragma = (name: string) => Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
  const size = pragma("page_size");
  return { total: pragma("page_count") * size, free: pragma("freelist_count") * size };
}

/**
 * Writes a database of an earlier version as one that can shrink, and puts it in its place. SQLite
 * decides that when a file is made, and `VACUUM` needs ATTACH, which Deno allows only a program with
 * every permission: so the rows are copied. The file is the old one or the new one at any moment.
 *
 * Left as it is: a database that another program has open, and a large one, whose copy would make the
 * start wait.
 *
 * @param path Its file; the caller closes `db` and opens the file again when the answer is true.
 * @param create Makes the tables.
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
      // A copy that is cut off is thrown away: it needs no journal.
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

/** Shuts other programs out; false when one has the database open. */
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

/** Copies the rows of a table to a database that has it too. */
export function copyRows(from: DatabaseSync, to: DatabaseSync, table: string): void {
  const names = from.prepare(`PRAGMA table_info(${table})`).all().map(({ name }) => String(name));
  const insert = to.prepare(
    `INSERT INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
  );
  to.exec(`DELETE FROM ${table}`);
  const rows = from.prepare(`SELECT ${names.join(", ")} FROM ${table}`);
  for (const row of rows.iterate()) insert.run(...names.map((name) => row[name]!));
}
