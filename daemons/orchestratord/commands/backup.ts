import { backup as copyPages, DatabaseSync } from "node:sqlite";
import { dirname } from "node:path";
import { EXIT } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { defaultStateDir } from "#shared/paths.ts";
import { type Config, databasePath } from "../config.ts";

/** More pages than an SQLite database can have: one step copies all of them. */
const ALL_PAGES = 2 ** 31 - 1;

/**
 * `orchestratord backup FILE`: a copy of the database as it is at one moment, made whether orchestratord
 * runs or not. The copy is one file. To restore it, put it in the place of the database and start
 * orchestratord.
 *
 * @throws {UsageError} without a file, if it exists, or with PostgreSQL
 */
export async function backup(words: readonly string[], config: Config): Promise<number> {
  const [file, ...more] = words;
  if (file === undefined || more.length > 0) {
    throw new UsageError("Give one file: orchestratord backup FILE");
  }
  if (config.store.url !== undefined) {
    throw new UsageError(
      "Cannot copy the database of store.url: use pg_dump, which PostgreSQL brings along",
    );
  }
  const dir = config.state_dir ?? defaultStateDir((name) => Deno.env.get(name), "orchestratord");
  const { jobs, bytes } = await copyDatabase(databasePath(dir), file);
  console.log(`${file}: ${jobs} jobs, ${bytes} bytes`);
  return EXIT.ok;
}

/**
 * Copies a database that others may be writing; the copy appears whole or not at all.
 *
 * @returns the number of jobs in the copy, and its size
 * @throws {UsageError} if `to` exists
 * @throws {LlorchError} `NOT_FOUND` if there is no database, `INTERNAL` if the copy cannot be written
 */
export async function copyDatabase(
  from: string,
  to: string,
): Promise<{ jobs: number; bytes: number }> {
  if (exists(to)) throw new UsageError(`Cannot write ${to}: it exists; choose another name`);
  if (!exists(from)) {
    throw new LlorchError(
      "NOT_FOUND",
      `Cannot find the database ${from}: name its folder with --state-dir, or the config file that names it with --config`,
    );
  }
  const aside = `${to}.${Deno.pid}.incomplete`;
  try {
    // Before SQLite opens it, so that it never has a wider mode.
    (await Deno.open(aside, { createNew: true, write: true, mode: 0o600 })).close();
    const db = new DatabaseSync(from, { readOnly: true, timeout: 5000 });
    try {
      // All pages in one step, because a write by another program would restart a copy in several steps.
      // `VACUUM INTO` needs ATTACH, which Deno allows only to a program with every permission.
      await copyPages(db, aside, { rate: ALL_PAGES });
    } finally {
      db.close();
    }
    const jobs = finish(aside);
    using written = await Deno.open(aside, { read: true, write: true });
    await written.syncData();
    const { size } = await written.stat();
    await Deno.rename(aside, to);
    return { jobs, bytes: size };
  } catch (error) {
    await Deno.remove(aside).catch(() => {});
    const folder = dirname(to);
    const fix = exists(folder) ? `make room in ${folder}` : `make the folder ${folder}`;
    throw new LlorchError(
      "INTERNAL",
      `Cannot copy ${from} to ${to}: ${errorMessage(error)}; ${fix} or choose another`,
      { cause: error },
    );
  }
}

/** Turns the copy into a single file without a log, and counts its jobs. */
function finish(path: string): number {
  const copy = new DatabaseSync(path);
  try {
    copy.exec("PRAGMA journal_mode = DELETE");
    return Number(copy.prepare("SELECT count(*) AS jobs FROM jobs").get()?.["jobs"]);
  } finally {
    copy.close();
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
