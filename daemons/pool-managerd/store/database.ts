import { DatabaseSync } from "node:sqlite";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import first from "./migrations/0001.sql" with { type: "text" };

/** Every change of the schema, in order; the n-th brings `user_version` to n. */
const MIGRATIONS: readonly string[] = [first];

/**
 * Opens the database (0600) and brings its schema up to date.
 *
 * @throws {LlorchError} `INTERNAL` when it cannot be opened or is from a newer version.
 */
export function openDatabase(path: string): DatabaseSync {
  try {
    // SQLite gives -wal and -shm the mode of the file itself, so that must be right from the start.
    Deno.openSync(path, { create: true, append: true, mode: 0o600 }).close();
    const db = new DatabaseSync(path);
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA secure_delete = ON");
    migrate(db, path);
    return db;
  } catch (error) {
    if (error instanceof LlorchError) throw error;
    throw new LlorchError("INTERNAL", `Cannot open the database ${path}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

function migrate(db: DatabaseSync, path: string): void {
  const version = Number(db.prepare("PRAGMA user_version").get()?.["user_version"] ?? 0);
  if (version > MIGRATIONS.length) {
    db.close();
    throw new LlorchError(
      "INTERNAL",
      `Cannot use the database ${path}: its schema ${version} is newer than ${MIGRATIONS.length}, the newest that this version knows`,
    );
  }
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < version) continue;
    db.exec(`BEGIN; ${sql}; PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}
