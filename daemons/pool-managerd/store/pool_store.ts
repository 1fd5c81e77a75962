import type { SQLInputValue } from "node:sqlite";
import type { WorkerExit } from "#shared/contracts/pool.ts";
import { openDatabase } from "#shared/sqlite.ts";
import type { WorkerRecord } from "../supervisor/record.ts";
import type { Measurement } from "../models/measurement.ts";
import first from "./migrations/0001.sql" with { type: "text" };
import second from "./migrations/0002.sql" with { type: "text" };

/** Exits kept while nobody acknowledges them; the oldest go first. */
const MAX_EXITS = 200;
/** Requests remembered, so that a late repeat still starts nothing. */
const MAX_REQUESTS = 1000;

/** Measurements remembered; the oldest go first. */
const MAX_MEASUREMENTS = 1000;
/** `gpu_layers` of a measurement with all layers on the device: a key holds no null. */
const ALL_LAYERS = -1;

/** No backup of it is needed. */
const WHEN_DAMAGED = "move it away to begin anew: only what loads took is lost, and workers that " +
  "still run are not found again but end by themselves once they are idle";

/** What the pool manager must know after a crash of its own. */
export interface PoolStore {
  /** Every worker whose end was not seen. */
  workers(): WorkerRecord[];
  /** Writes a worker before its process starts, and the request that it answers. */
  addWorker(record: WorkerRecord, now: number): void;
  /** Writes what changed of a worker; nothing for one whose end is recorded. */
  updateWorker(record: WorkerRecord): void;
  /** Forgets a worker that was never started. */
  dropWorker(record: WorkerRecord): void;
  /** The worker that answered this request, alive or not. */
  workerOfRequest(requestId: string): string | undefined;
  /** Turns a worker into an exit, in one transaction. */
  recordExit(exit: WorkerExit): void;
  exits(): WorkerExit[];
  /** Forgets exits that the orchestrator knows. */
  acknowledge(workerIds: readonly string[]): void;
  /** What loads of each model took, by fingerprint, newest first. */
  measurements(): Map<string, Measurement[]>;
  measure(fingerprint: string, measurement: Measurement): void;
  close(): void;
}

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
  "context",
  "slots",
  "gpu_layers",
  "estimate_bytes",
  "port",
  "uri",
  "callback",
  "backend",
  "capabilities",
  "memory_bytes",
  "device_bytes",
  "life",
] as const satisfies readonly (keyof WorkerRecord)[];

/**
 * Opens the {@linkcode PoolStore} that stands in a SQLite file.
 *
 * @throws {LlorchError} `INTERNAL` when the file cannot be used.
 */
export function openPoolStore(path: string): PoolStore {
  const db = openDatabase(path, [first, second], WHEN_DAMAGED);
  const places = COLUMNS.map((name) => `:${name}`).join(", ");
  const insert = db.prepare(
    `INSERT INTO workers (${COLUMNS.join(", ")}) VALUES (${places})`,
  );
  const sets = COLUMNS.map((name) => `${name} = :${name}`).join(", ");
  const update = db.prepare(`UPDATE workers SET ${sets} WHERE worker_id = :worker_id`);
  const transaction = (work: () => void) => {
    db.exec("BEGIN IMMEDIATE");
    try {
      work();
      db.exec("COMMIT");
    } catch (error) {
      db.exec("ROLLBACK");
      throw error;
    }
  };

  return {
    workers: () => db.prepare("SELECT * FROM workers ORDER BY rowid").all().map(toRecord),
    addWorker(record, now) {
      transaction(() => {
        insert.run(toRow(record));
        db.prepare("INSERT INTO requests VALUES (?, ?, ?)")
          .run(record.request_id, record.worker_id, now);
        db.prepare(
          "DELETE FROM requests WHERE rowid NOT IN (SELECT rowid FROM requests ORDER BY rowid DESC LIMIT ?)",
        ).run(MAX_REQUESTS);
      });
    },
    updateWorker: (record) => void update.run(toRow(record)),
    dropWorker(record) {
      transaction(() => {
        db.prepare("DELETE FROM workers WHERE worker_id = ?").run(record.worker_id);
        db.prepare("DELETE FROM requests WHERE request_id = ?").run(record.request_id);
      });
    },
    workerOfRequest(requestId) {
      const row = db.prepare("SELECT worker_id FROM requests WHERE request_id = ?").get(requestId);
      return row?.["worker_id"] as string | undefined;
    },
    recordExit(exit) {
      transaction(() => {
        db.prepare("DELETE FROM workers WHERE worker_id = ?").run(exit.worker_id);
        db.prepare("INSERT OR REPLACE INTO exits VALUES (?, ?, ?, ?, ?, ?)").run(
          exit.worker_id,
          exit.exit_code,
          exit.signal,
          exit.category,
          exit.at,
          exit.detail ?? null,
        );
        db.prepare(
          "DELETE FROM exits WHERE rowid NOT IN (SELECT rowid FROM exits ORDER BY rowid DESC LIMIT ?)",
        ).run(MAX_EXITS);
      });
    },
    exits: () => db.prepare("SELECT * FROM exits ORDER BY rowid").all().map(toExit),
    acknowledge(workerIds) {
      const remove = db.prepare("DELETE FROM exits WHERE worker_id = ?");
      transaction(() => workerIds.forEach((id) => remove.run(id)));
    },
    measurements() {
      const found = new Map<string, Measurement[]>();
      for (const row of db.prepare("SELECT * FROM measurements ORDER BY rowid DESC").all()) {
        const { fingerprint, gpu_layers, ...rest } = row;
        const measurement = { ...rest, gpu_layers: gpu_layers === ALL_LAYERS ? null : gpu_layers };
        const others = found.get(String(fingerprint)) ?? [];
        found.set(String(fingerprint), [...others, measurement as unknown as Measurement]);
      }
      return found;
    },
    measure(fingerprint, { device_kind, context, slots, gpu_layers, memory_bytes }) {
      transaction(() => {
        db.prepare("INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?, ?, ?)")
          .run(fingerprint, device_kind, context, slots, gpu_layers ?? ALL_LAYERS, memory_bytes);
        db.prepare(
          "DELETE FROM measurements WHERE rowid NOT IN (SELECT rowid FROM measurements ORDER BY rowid DESC LIMIT ?)",
        ).run(MAX_MEASUREMENTS);
      });
    },
    close: () => db.close(),
  };
}

function toRow(record: WorkerRecord): Record<string, SQLInputValue> {
  return {
    ...record,
    capabilities: JSON.stringify(record.capabilities),
    life: JSON.stringify(record.life),
  };
}

function toRecord(row: Record<string, unknown>): WorkerRecord {
  return {
    ...row,
    capabilities: JSON.parse(String(row["capabilities"])),
    life: JSON.parse(String(row["life"])),
  } as WorkerRecord;
}

function toExit(row: Record<string, unknown>): WorkerExit {
  const { detail, ...rest } = row;
  return { ...rest, ...(detail === null ? {} : { detail }) } as WorkerExit;
}
