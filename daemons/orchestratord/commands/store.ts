import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { EXIT } from "#shared/defaults.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { defaultStateDir } from "#shared/paths.ts";
import { openStateDir } from "#shared/state_dir.ts";
import { type Config, databasePath } from "../config.ts";
import { openSession, serversOf } from "../open_store.ts";
import { migrate, versionOf } from "../store/postgres/migrate.ts";
import { inTransaction } from "../store/postgres/pool.ts";
import type { Session } from "../store/postgres/session.ts";
import { parseStoreUrl } from "../store/postgres/store_url.ts";
import { openSqliteStore } from "../store/sqlite/store.ts";
import { LAST_EVENTS, type Table, TABLES } from "./tables.ts";

/** A copy may take this long, in ms. */
const COPY_MS = 24 * 3_600_000;

const USAGE = "orchestratord store copy --to URL, or store copy --from URL FILE";

type Row = Readonly<Record<string, unknown>>;

/**
 * `orchestratord store copy --to URL`: copies the SQLite database of the state folder, which no orchestratord
 * may hold, into an empty schema of a PostgreSQL database. `store copy --from URL FILE` is the way back.
 *
 * @throws {UsageError} if the arguments are not a command, or there is something at the target
 */
export async function store(
  words: readonly string[],
  config: Config,
  flags: Readonly<Record<string, string | boolean | undefined>>,
): Promise<number> {
  const [action, file, ...more] = words;
  const [to, from] = [urlOf(flags, "to"), urlOf(flags, "from")];
  const isWhole = action === "copy" && more.length === 0 &&
    (to === undefined) !== (from === undefined) &&
    (file === undefined) === (from === undefined);
  if (!isWhole) throw new UsageError(`The command is missing: ${USAGE}`);
  const servers = await serversOf(to ?? from!, config.store);
  const session = await openSession(servers, "llorch copy", { statementMs: COPY_MS });
  try {
    if (to !== undefined) await copyTo(session, servers.schema, config);
    else await copyFrom(session, servers.schema, file!);
    return EXIT.ok;
  } finally {
    await session.close();
  }
}

function urlOf(
  flags: Readonly<Record<string, string | boolean | undefined>>,
  name: "to" | "from",
): string | undefined {
  const url = flags[name];
  if (typeof url !== "string") return undefined;
  try {
    parseStoreUrl(url);
    return url;
  } catch (error) {
    throw new UsageError(`--${name}: ${errorMessage(error)}`);
  }
}

async function copyTo(session: Session, schema: string, config: Config): Promise<void> {
  const path = config.state_dir ?? defaultStateDir((name) => Deno.env.get(name), "orchestratord");
  const dir = openStateDir(path, "orchestratord");
  try {
    const file = databasePath(dir.path);
    if (!exists(file)) {
      throw new UsageError(`Cannot find the database ${file}: name its folder with --state-dir`);
    }
    // Brings it to the newest version.
    await openSqliteStore(file).close();
    await migrate(session, schema);
    // Not read-only: its close removes the log.
    const db = new DatabaseSync(file);
    try {
      if (db.prepare("SELECT 1 FROM event_log").get()) {
        const message = `Cannot put the newest events in ${file} in order: free space on its disk`;
        throw new LlorchError("INTERNAL", message);
      }
      await inTransaction(session, async () => {
        await refuseNonEmpty(session);
        for (const table of TABLES) await report(table, await tableTo(session, db, table));
        await compareLastEvents(session, db);
        await continueNumbers(session, db);
      });
    } finally {
      db.close();
    }
    // So that nobody goes on with what is old from now on.
    await Deno.rename(file, `${file}.copied`);
    console.error(
      `Everything is copied. ${file} is now ${file}.copied: set store.url and start orchestratord`,
    );
  } finally {
    dir.release();
  }
}

async function copyFrom(session: Session, schema: string, file: string): Promise<void> {
  if (exists(file)) throw new UsageError(`Cannot write ${file}: it exists; choose another name`);
  if (await versionOf(session, schema) === 0) {
    throw new UsageError(
      `Cannot copy the schema "${schema}": it has no tables; name another with ?schema=NAME`,
    );
  }
  const aside = `${file}.${Deno.pid}.incomplete`;
  try {
    await openSqliteStore(aside).close();
    const db = new DatabaseSync(aside);
    try {
      await session.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
      await refuseRunning(session);
      db.exec("PRAGMA journal_mode = DELETE; BEGIN");
      for (const table of TABLES) await report(table, await tableFrom(session, db, table));
      await compareLastEvents(session, db);
      const { rows: [row] } = await session.query("SELECT last_value AS last FROM incarnations");
      db.prepare("UPDATE starts SET count = ?").run(Number(row!["last"]));
      db.exec("COMMIT");
      await session.query("COMMIT");
    } finally {
      db.close();
    }
    await Deno.rename(aside, file);
    console.error(`Everything is copied. Put ${file} into the state folder and remove store.url`);
  } finally {
    for (const each of [aside, `${aside}-wal`, `${aside}-shm`, `${aside}-journal`]) {
      await Deno.remove(each).catch(() => {});
    }
  }
}

async function tableTo(session: Session, db: DatabaseSync, table: Table): Promise<number> {
  const { name, order, rows: most, split = (row) => [row] } = table;
  const types = await columnTypes(session, name);
  const known = columnsOf(db, name);
  const columns = [...types.keys()].filter((column) => known.has(column));
  const { where = "TRUE" } = { ...table, where: table.sqliteWhere ?? table.where ?? "TRUE" };
  const insert = `INSERT INTO ${name} (${columns.join(", ")})
    SELECT * FROM unnest(${
    columns.map((each, n) => `$${n + 1}::${types.get(each)}[]`).join(", ")
  })`;
  let count = 0;
  let slice: Row[] = [];
  const flush = async () => {
    if (slice.length > 0) {
      await session.query(insert, columns.map((column) => slice.map((row) => row[column])), name);
    }
    count += slice.length;
    slice = [];
  };
  const all = db.prepare(
    `SELECT ${columns.join(", ")} FROM ${name} WHERE ${where} ORDER BY ${order}`,
  );
  for (const row of all.iterate()) {
    slice.push(...split(row as Row));
    if (slice.length >= most) await flush();
  }
  await flush();
  const { rows: [found] } = await session.query(`SELECT count(*) AS count FROM ${name}`);
  check(name, count, Number(found!["count"]));
  return count;
}

async function tableFrom(session: Session, db: DatabaseSync, table: Table): Promise<number> {
  const { name, order, rows: most, where = "TRUE", sqliteOnly = {} } = table;
  const known = columnsOf(db, name);
  const columns = [...(await columnTypes(session, name)).keys()].filter((each) => known.has(each));
  const names = [...columns, ...Object.keys(sqliteOnly)];
  const insert = db.prepare(
    `INSERT INTO ${name} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
  );
  await session.query(
    `DECLARE copying NO SCROLL CURSOR FOR
      SELECT ${columns.join(", ")} FROM ${name} WHERE ${where} ORDER BY ${order}`,
  );
  let count = 0;
  for (let more = true; more;) {
    const { rows } = await session.query(`FETCH ${most} FROM copying`);
    for (const row of rows) {
      insert.run(
        ...columns.map((each) => row[each] as SQLInputValue),
        ...Object.values(sqliteOnly),
      );
    }
    count += rows.length;
    more = rows.length === most;
  }
  await session.query("CLOSE copying");
  check(name, count, Number(db.prepare(`SELECT count(*) AS count FROM ${name}`).get()!["count"]));
  return count;
}

/** Columns that are not computed, with their types. */
async function columnTypes(session: Session, table: string): Promise<Map<string, string>> {
  const { rows } = await session.query(
    `SELECT column_name, udt_name FROM information_schema.columns
      WHERE table_schema = current_schema() AND table_name = $1 AND is_generated = 'NEVER'
      ORDER BY ordinal_position`,
    [table],
  );
  return new Map(rows.map((row) => [String(row["column_name"]), String(row["udt_name"])]));
}

function columnsOf(db: DatabaseSync, table: string): Set<string> {
  return new Set(
    db.prepare("SELECT name FROM pragma_table_info(?)").all(table).map((row) =>
      String(row["name"])
    ),
  );
}

/** Lets new rows and starts have higher numbers than those that were copied. */
async function continueNumbers(session: Session, db: DatabaseSync): Promise<void> {
  for (const name of ["jobs", "responses", "files", "batches", "images"]) {
    await session.query(
      `SELECT setval(pg_get_serial_sequence('${name}', 'seq'), greatest(max(seq), 1)) FROM ${name}`,
    );
  }
  const starts = Number(db.prepare("SELECT count FROM starts").get()!["count"]);
  await session.query("SELECT setval('incarnations', greatest(last_value, $1)) FROM incarnations", [
    Math.max(1, starts),
  ]);
}

async function refuseNonEmpty(session: Session): Promise<void> {
  for (const { name } of [...TABLES, { name: "replicas" }]) {
    const { rows } = await session.query(`SELECT FROM ${name} LIMIT 1`);
    if (rows.length === 0) continue;
    throw new UsageError(
      `Cannot copy to this schema: its table ${name} is not empty; name another with ?schema=NAME`,
    );
  }
}

async function refuseRunning(session: Session): Promise<void> {
  const { rows } = await session.query(
    "SELECT FROM replicas WHERE expires_at > clock_timestamp() LIMIT 1",
  );
  if (rows.length > 0) {
    throw new UsageError("Cannot copy a database that is in use: stop orchestratord");
  }
}

async function compareLastEvents(session: Session, db: DatabaseSync): Promise<void> {
  const lines = (rows: readonly Row[]) =>
    rows.map((row) => `${row["job_id"]} ${row["last"]}`).sort().join("\n");
  const { rows } = await session.query(LAST_EVENTS);
  if (lines(rows) === lines(db.prepare(LAST_EVENTS).all() as Row[])) return;
  throw new LlorchError(
    "INTERNAL",
    "The copy differs in the last events of unfinished jobs; nothing was kept of it",
  );
}

function check(table: string, copied: number, found: number): void {
  if (copied === found) return;
  throw new LlorchError(
    "INTERNAL",
    `The copy of the table ${table} has ${found} rows instead of ${copied}; nothing was kept of it`,
  );
}

function report({ name }: Table, count: number): void {
  if (count > 0) console.error(`${name}: ${count}`);
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
