import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { Committer, type CommitterOptions } from "#shared/committer.ts";
import type { WorkerExit } from "#shared/contracts/pool.ts";
import { inTransaction, openDatabase } from "#shared/sqlite.ts";
import { copyRows } from "#shared/sqlite_shrink.ts";
import type { PoolStore } from "../supervisor/pool_store.ts";
import type { WorkerRecord } from "../supervisor/record.ts";
import type { Measurement } from "../models/measurement.ts";
import first from "./migrations/0001.sql" with { type: "text" };
import second from "./migrations/0002.sql" with { type: "text" };
import third from "./migrations/0003.sql" with { type: "text" };
import fourth from "./migrations/0004.sql" with { type: "text" };
import fifth from "./migrations/0005.sql" with { type: "text" };
import sixth from "./migrations/0006.sql" with { type: "text" };

/** Most unacknowledged exits that are kept; the oldest are removed first. */
const MAX_EXITS = 200;
/** Most requests that are kept, so that a repeated one does not start a second worker. */
const MAX_REQUESTS = 1000;

/** Most measurements and estimates that are kept; the oldest are removed first. */
const MAX_MEASUREMENTS = 1000;
const MAX_ESTIMATES = 1000;
/** `gpu_layers` of a measurement with all layers on the device, since a key cannot be null. */
const ALL_LAYERS = -1;

/** For the message about a damaged file; no backup is needed. */
const WHEN_DAMAGED =
  "move it away to start afresh: only what loads took is lost, and workers that " +
  "still run are not found again but end by themselves once they are idle";

const COLUMNS = [
  "worker_id",
  "request_id",
  "pid",
  "start_time",
  "token",
  "spawn_token",
  "model_ref",
  "fingerprint",
  "device",
  "shares",
  "context",
  "slots",
  "gpu_layers",
  "estimate_bytes",
  "port",
  "uri",
  "callback",
  "backend",
  "capabilities",
  "warning",
  "memory_bytes",
  "device_bytes",
  "life",
] as const satisfies readonly (keyof WorkerRecord)[];

const INSERT_WORKER = `INSERT INTO workers (${COLUMNS.join(", ")}) VALUES (${
  COLUMNS.map((name) => `:${name}`).join(", ")
})`;
const UPDATE_WORKER = `UPDATE workers SET ${
  COLUMNS.map((name) => `${name} = :${name}`).join(", ")
} WHERE worker_id = :worker_id`;

const MIGRATIONS = [first, second, third, fourth, fifth, sixth];
const TABLES = ["workers", "requests", "exits", "measurements", "estimates", "terms"];

/**
 * Opens a {@linkcode PoolStore} in a SQLite file. Its content is also in memory: reads and writes
 * never wait for the file. The file gets the writes in order, later if another program has locked
 * it or the disk is full.
 *
 * @param onFailure See {@linkcode CommitterOptions}.
 * @throws {LlorchError} `INTERNAL` if the file cannot be used
 */
export function openPoolStore(
  path: string,
  onFailure?: CommitterOptions["onFailure"],
): PoolStore {
  const file = openDatabase(path, MIGRATIONS, WHEN_DAMAGED);
  const memory = new DatabaseSync(":memory:");
  for (const sql of MIGRATIONS) memory.exec(sql);
  for (const table of TABLES) copyRows(file, memory, table);
  const committer = new Committer(file, { onFailure });
  /** Writes to memory, and to the file at once or as soon as that is possible. */
  const keep = (write: (db: DatabaseSync) => void) => {
    inTransaction(memory, () => write(memory));
    // It rejects only for a violated constraint, which is checked in memory first, or when the store
    // is closed; then the next start finds out what happened to each worker.
    committer.keep(write).catch(() => {});
    committer.flush();
  };

  return {
    workers: () => memory.prepare("SELECT * FROM workers ORDER BY rowid").all().map(toRecord),
    async addWorker(record, now) {
      const row = toRow(record);
      const add = (db: DatabaseSync) => {
        db.prepare(INSERT_WORKER).run(row);
        db.prepare("INSERT INTO requests VALUES (?, ?, ?)")
          .run(record.request_id, record.worker_id, now);
        keepNewest(db, "requests", MAX_REQUESTS);
      };
      inTransaction(memory, () => add(memory));
      try {
        const written = committer.write(add);
        committer.flush();
        await written;
      } catch (error) {
        inTransaction(memory, () => dropWorker(memory, record));
        throw error;
      }
    },
    updateWorker(record) {
      const row = toRow(record);
      keep((db) => void db.prepare(UPDATE_WORKER).run(row));
    },
    dropWorker: (record) => keep((db) => dropWorker(db, record)),
    workerOfRequest(requestId) {
      const row = memory.prepare("SELECT worker_id FROM requests WHERE request_id = ?")
        .get(requestId);
      return row?.["worker_id"] as string | undefined;
    },
    recordExit: (exit) =>
      keep((db) => {
        db.prepare("DELETE FROM workers WHERE worker_id = ?").run(exit.worker_id);
        db.prepare("INSERT OR REPLACE INTO exits VALUES (?, ?, ?, ?, ?, ?)").run(
          exit.worker_id,
          exit.exit_code,
          exit.signal,
          exit.category,
          exit.at,
          exit.detail ?? null,
        );
        keepNewest(db, "exits", MAX_EXITS);
      }),
    exits: () => memory.prepare("SELECT * FROM exits ORDER BY rowid").all().map(toExit),
    acknowledge: (workerIds) =>
      keep((db) => {
        const remove = db.prepare("DELETE FROM exits WHERE worker_id = ?");
        workerIds.forEach((id) => remove.run(id));
      }),
    measurements() {
      const found = new Map<string, Measurement[]>();
      for (const row of memory.prepare("SELECT * FROM measurements ORDER BY rowid DESC").all()) {
        const { fingerprint, gpu_layers, ...rest } = row;
        const measurement = { ...rest, gpu_layers: gpu_layers === ALL_LAYERS ? null : gpu_layers };
        const others = found.get(String(fingerprint)) ?? [];
        found.set(String(fingerprint), [...others, measurement as unknown as Measurement]);
      }
      return found;
    },
    measure: (fingerprint, { device_kind, context, slots, gpu_layers, memory_bytes }) =>
      keep((db) => {
        db.prepare("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?, ?, ?)")
          .run(fingerprint, device_kind, context, slots, gpu_layers ?? ALL_LAYERS, memory_bytes);
        keepNewest(db, "measurements", MAX_MEASUREMENTS);
      }),
    estimate(key) {
      const row = memory.prepare("SELECT * FROM estimates WHERE key = ?").get(key);
      if (!row) return undefined;
      const { device_bytes, device_shares, host_bytes } = row;
      return {
        device_bytes: Number(device_bytes),
        ...(device_shares === null ? {} : { device_shares: JSON.parse(String(device_shares)) }),
        host_bytes: Number(host_bytes),
      };
    },
    keepEstimate: (key, { device_bytes, device_shares, host_bytes }) =>
      keep((db) => {
        db.prepare("INSERT OR REPLACE INTO estimates VALUES (?, ?, ?, ?)")
          .run(key, device_bytes, device_shares ? JSON.stringify(device_shares) : null, host_bytes);
        keepNewest(db, "estimates", MAX_ESTIMATES);
      }),
    term: () => Number(memory.prepare("SELECT term FROM terms").get()?.["term"] ?? 0),
    keepTerm: (term) =>
      keep((db) => void db.prepare("INSERT OR REPLACE INTO terms VALUES (1, ?)").run(term)),
    async close() {
      await committer.close();
      file.close();
      memory.close();
    },
  };
}

function dropWorker(db: DatabaseSync, record: WorkerRecord): void {
  db.prepare("DELETE FROM workers WHERE worker_id = ?").run(record.worker_id);
  db.prepare("DELETE FROM requests WHERE request_id = ?").run(record.request_id);
}

function keepNewest(db: DatabaseSync, table: string, count: number): void {
  db.prepare(
    `DELETE FROM ${table} WHERE rowid NOT IN (SELECT rowid FROM ${table} ORDER BY rowid DESC LIMIT ?)`,
  ).run(count);
}

function toRow(record: WorkerRecord): Record<string, SQLInputValue> {
  return {
    ...record,
    shares: record.shares && JSON.stringify(record.shares),
    capabilities: JSON.stringify(record.capabilities),
    life: JSON.stringify(record.life),
  };
}

function toRecord(row: Record<string, unknown>): WorkerRecord {
  return {
    ...row,
    shares: row["shares"] === null ? null : JSON.parse(String(row["shares"])),
    capabilities: JSON.parse(String(row["capabilities"])),
    life: JSON.parse(String(row["life"])),
  } as WorkerRecord;
}

function toExit(row: Record<string, unknown>): WorkerExit {
  const { detail, ...rest } = row;
  return { ...rest, ...(detail === null ? {} : { detail }) } as WorkerExit;
}
