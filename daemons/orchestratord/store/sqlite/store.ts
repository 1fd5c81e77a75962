import type { DatabaseSync, StatementSync } from "node:sqlite";
import { isTerminal } from "#shared/contracts/mod.ts";
import { openDatabase } from "#shared/sqlite.ts";
import { Committer, type CommitterOptions } from "#shared/committer.ts";
import type { JobFilter, JobPatch, JobRow, ListedRow, NumberedEvent, Store } from "../job_store.ts";
import { toDrain, toPool } from "../rows/fleet.ts";
import {
  ERASED,
  LISTED,
  NEW_JOB_COLUMNS,
  newJobValues,
  PATCH_COLUMNS,
  toJob,
} from "../rows/job.ts";
import { asValue, type Row } from "../rows/row.ts";
import migration0001 from "./migrations/0001.sql" with { type: "text" };
import migration0002 from "./migrations/0002.sql" with { type: "text" };
import migration0003 from "./migrations/0003.sql" with { type: "text" };
import migration0004 from "./migrations/0004.sql" with { type: "text" };
import migration0005 from "./migrations/0005.sql" with { type: "text" };
import migration0006 from "./migrations/0006.sql" with { type: "text" };
import migration0007 from "./migrations/0007.sql" with { type: "text" };
import migration0008 from "./migrations/0008.sql" with { type: "text" };
import migration0009 from "./migrations/0009.sql" with { type: "text" };
import migration0010 from "./migrations/0010.sql" with { type: "text" };
import migration0011 from "./migrations/0011.sql" with { type: "text" };
import migration0012 from "./migrations/0012.sql" with { type: "text" };
import migration0013 from "./migrations/0013.sql" with { type: "text" };
import { sqliteBatches } from "./batches.ts";
import { EventLog } from "./event_log.ts";
import { toEvents } from "./event_rows.ts";
import { sqliteFiles } from "./files.ts";
import { sqliteImages } from "./images.ts";
import { charging, sqliteKeys } from "./keys.ts";
import { sqlitePins } from "./pins.ts";
import { sqliteResponses } from "./responses.ts";
import { Room } from "./room.ts";
import { sqliteSessions } from "./sessions.ts";
import { Space, type SpaceOptions } from "./space.ts";
import { sweep } from "./sweep.ts";
import { WalSync } from "./wal_sync.ts";
import { Conditions } from "../rows/conditions.ts";

/** SQL of each version of the database, oldest first. */
export const MIGRATIONS: readonly string[] = [
  migration0001,
  migration0002,
  migration0003,
  migration0004,
  migration0005,
  migration0006,
  migration0007,
  migration0008,
  migration0009,
  migration0010,
  migration0011,
  migration0012,
  migration0013,
];

/**
 * Size of SQLite's page cache, in KiB. Each running stream writes a page of its own. The default of 2 MiB
 * holds the pages of 500 streams; with more, tokens wait until pages are read again.
 */
const CACHE_KIB = 16 * 1024;

/** Options of {@linkcode openSqliteStore}. */
export type StoreOptions =
  & Pick<CommitterOptions, "onFailure">
  & Pick<SpaceOptions, "onLogGrows">
  & {
    /** Bytes of the disk that files leave free; absent: none. */
    readonly minFreeBytes?: () => number;
  };

/**
 * The {@linkcode Store} in one SQLite file (WAL, one connection, one transaction per turn).
 *
 * @param path The database file; created when absent.
 */
export function openSqliteStore(
  path: string,
  { onFailure, onLogGrows, minFreeBytes = () => 0 }: StoreOptions = {},
): Store {
  const db = openDatabase(path, MIGRATIONS);
  db.exec(`PRAGMA cache_size = -${CACHE_KIB}`);
  const log = new EventLog(db);
  const committer = new Committer(db, { onFailure, part: log });
  const space = new Space(path, { db, committer, onLogGrows });
  const wal = new WalSync(`${path}-wal`);

  // What is stored already stays as it is: a writer may not know whether its last write was committed.
  const insertEvent = db.prepare(
    "INSERT INTO events (job_id, id, event, data) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const insertJob = db.prepare(`
    INSERT INTO jobs (${NEW_JOB_COLUMNS.join(", ")}, status)
    VALUES (${NEW_JOB_COLUMNS.map(() => "?").join(", ")}, 'queued') ON CONFLICT DO NOTHING`);
  const selectJob = db.prepare("SELECT * FROM jobs WHERE job_id = ?");
  const selectKey = db.prepare("SELECT * FROM jobs WHERE idempotency_key = ?");
  const selectUnfinished = db.prepare("SELECT * FROM jobs WHERE ended_at IS NULL ORDER BY seq");
  const selectCompleted = db.prepare(
    "SELECT * FROM jobs WHERE status = 'completed' ORDER BY ended_at DESC LIMIT ?",
  );
  const selectUnsafe = db.prepare(
    "SELECT tenant, ended_at FROM jobs WHERE ended_at > ? AND error ->> 'code' = 'REQUEST_UNSAFE'" +
      " ORDER BY ended_at",
  );
  const selectEvents = db.prepare(
    "SELECT id, event, data FROM events WHERE job_id = ? AND id > ? ORDER BY id LIMIT ?",
  );

  const selectHolder = db.prepare("SELECT job_id FROM jobs WHERE idempotency_key = ?");
  const countStart = db.prepare("UPDATE starts SET count = ?");
  const charge = charging(db);
  const applyPatch = patching(db);

  /** Returns whether the job's terminal event is the last of them, and new. */
  const writeEvents = (jobId: string, events: readonly NumberedEvent[]): boolean => {
    const last = events.at(-1);
    if (!last || !isTerminal(last.event)) {
      log.add(jobId, events);
      return false;
    }
    log.add(jobId, events.slice(0, -1));
    log.settle(jobId);
    const { id, event } = last;
    return insertEvent.run(jobId, id, event.event, JSON.stringify(event.data)).changes > 0;
  };
  // Reads must see what was written before them in the same turn.
  const read = <T>(query: () => T): Promise<T> => {
    committer.flush();
    return Promise.resolve(query());
  };

  const room = new Room(path, minFreeBytes);

  return {
    batches: sqliteBatches(db, committer, space),
    files: sqliteFiles(db, committer, space, room),
    images: sqliteImages(db, committer, space, room),
    keys: sqliteKeys(db, committer),
    responses: sqliteResponses(db, committer, space),
    sessions: sqliteSessions(db, committer),
    ...sqlitePins(db, committer),
    begin() {
      const start = Number(db.prepare("SELECT count FROM starts").get()?.["count"]) + 1;
      // On a full disk it waits, and the service starts nevertheless.
      committer.keep(() => void countStart.run(start)).catch(() => {});
      committer.flush();
      return Promise.resolve(start);
    },
    // One process has the file for itself.
    giveUp: () => Promise.resolve(),
    members: () => Promise.resolve(undefined),
    clockOffsetMs: () => 0,
    async accept(job, queued) {
      let holder = job.jobId;
      await committer.write(() => {
        const { changes } = insertJob.run(...newJobValues(job));
        holder = job.jobId;
        if (changes > 0) log.add(job.jobId, [queued]);
        else if (job.idempotencyKey !== undefined) {
          holder = String(selectHolder.get(job.idempotencyKey)?.["job_id"] ?? job.jobId);
        }
      });
      return holder;
    },
    sync: () => wal.sync(),
    append: (jobId, take) =>
      committer.keep(() => {
        const { events, patch, charge: charged } = take();
        const hasEnded = writeEvents(jobId, events);
        if (patch) applyPatch(jobId, patch);
        if (charged && hasEnded) charge(charged);
      }),
    update: (jobId, patch) => committer.keep(() => applyPatch(jobId, patch)),
    remove: (jobId) =>
      committer.keep((db) => {
        log.forget(jobId);
        db.prepare("DELETE FROM events WHERE job_id = ?").run(jobId);
        db.prepare("DELETE FROM jobs WHERE job_id = ?").run(jobId);
      }),
    get: (jobId) => read(() => one(selectJob.get(jobId))),
    findByKey: (key) => read(() => one(selectKey.get(key))),
    page: (filter) => read(() => selectPage(db, filter)),
    events: (jobId, after, limit) =>
      read(() => {
        const settled = selectEvents.all(jobId, after, limit).flatMap(toEvents)
          .filter(({ id }) => id > after).slice(0, limit);
        const last = settled.at(-1)?.id ?? after;
        return [...settled, ...log.tail(jobId, last, limit - settled.length)];
      }),
    completed: (limit) => read(() => selectCompleted.all(limit).map(toJob).reverse()),
    unsafeSince: (time) =>
      read(() =>
        selectUnsafe.all(time).map((row) => ({
          tenant: String(row["tenant"]),
          endedAt: Number(row["ended_at"]),
        }))
      ),
    unfinished: () => read(() => selectUnfinished.all().map(toJob)),
    savePool: ({ poolId, endpoint, keyId }) =>
      committer.write((db) => {
        db.prepare("INSERT OR REPLACE INTO pools (pool_id, endpoint, key_id) VALUES (?, ?, ?)")
          .run(poolId, endpoint, keyId ?? null);
      }),
    removePool: (poolId) =>
      committer.write((db) => {
        db.prepare("DELETE FROM pools WHERE pool_id = ?").run(poolId);
      }),
    pools: () => read(() => db.prepare("SELECT * FROM pools ORDER BY pool_id").all().map(toPool)),
    saveDrain: ({ poolId, endsAt }) =>
      committer.write((db) => {
        db.prepare("INSERT OR REPLACE INTO drains (pool_id, ends_at) VALUES (?, ?)")
          .run(poolId, endsAt);
      }),
    removeDrain: (poolId) =>
      committer.write((db) => {
        db.prepare("DELETE FROM drains WHERE pool_id = ?").run(poolId);
      }),
    drains: () =>
      read(() => db.prepare("SELECT * FROM drains ORDER BY pool_id").all().map(toDrain)),
    async expire(now, forgetEndedBefore) {
      const result = await sweep({ db, committer, log }, now, forgetEndedBefore);
      // Erased text must not stay in the log.
      if (result.erased + result.forgotten > 0) space.cutLog();
      return result;
    },
    size: () => space.size(),
    tidy: () => space.look(),
    failure: () => committer.failure,
    async close() {
      // Without it the next start reads the log.
      committer.keep(() => log.settleOldest(Infinity)).catch(() => {});
      await committer.close();
      await space.idle;
      await wal.close();
      db.close();
    },
  };
}

/** Of a query for one job. */
function one(row: Row | undefined): JobRow | undefined {
  return row && toJob(row);
}

/** Applies patches to jobs; a statement is prepared once for each combination of fields. */
function patching(db: DatabaseSync): (jobId: string, patch: JobPatch) => void {
  const statements = new Map<string, StatementSync>();
  return (jobId, patch) => {
    const names = Object.keys(patch) as (keyof JobPatch)[];
    if (names.length === 0) return;
    const key = names.join();
    let statement = statements.get(key);
    if (!statement) statements.set(key, statement = db.prepare(updateOf(names)));
    statement.run(...names.map((name) => asValue(patch[name])), jobId);
  };
}

function updateOf(names: readonly (keyof JobPatch)[]): string {
  const assignments = names.map((name) => {
    const column = PATCH_COLUMNS[name];
    // Erased content stays erased, whatever its job still does.
    return name === "contentExpiresAt"
      ? `${column} = CASE WHEN ${column} = ${ERASED} THEN ${ERASED} ELSE ? END`
      : `${column} = ?`;
  }).join(", ");
  return `UPDATE jobs SET ${assignments} WHERE job_id = ?`;
}

function selectPage(db: DatabaseSync, filter: JobFilter): ListedRow[] {
  const where = new Conditions();
  where.add("status = ?", filter.status);
  where.add("model = ?", filter.model);
  where.add("tenant = ?", filter.tenant);
  where.add("seq < ?", filter.before);
  return db.prepare(
    `SELECT ${LISTED} FROM jobs WHERE ${where.sql} ORDER BY seq DESC LIMIT ?`,
  ).all(...where.values, filter.limit).map(toJob);
}
