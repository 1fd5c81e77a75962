import type { BatchPatch, BatchStore } from "../batch_store.ts";
import {
  NEW_BATCH_COLUMNS,
  newBatchValues,
  PATCH_COLUMNS,
  toBatch,
  toResult,
} from "../rows/batch.ts";
import { Conditions } from "../rows/conditions.ts";
import { asValue } from "../rows/row.ts";
import { type Database, numbered, places } from "./database.ts";

/** Batches that one statement removes, at most: some may have many results. */
const SLICE_BATCHES = 4;

/** The {@linkcode BatchStore}. */
export function postgresBatches(database: Database): BatchStore {
  const removeAll = async (condition: string, value: unknown): Promise<number> => {
    for (let count = 0;;) {
      const removed = await database.keep(async (session) => {
        const { count } = await session.query(
          `DELETE FROM batches WHERE seq IN
            (SELECT seq FROM batches WHERE ${condition} LIMIT ${SLICE_BATCHES})`,
          [value],
        );
        return count;
      });
      count += removed;
      if (removed < SLICE_BATCHES) return count;
    }
  };

  return {
    add: (batch) =>
      // A key is revoked before its batches are removed.
      database.insert(
        `INSERT INTO batches (${NEW_BATCH_COLUMNS.join(", ")}) SELECT ${places(NEW_BATCH_COLUMNS)}
          WHERE NOT EXISTS (SELECT FROM api_keys WHERE key_id = $2 AND revoked_at IS NOT NULL)`,
        newBatchValues(batch),
      ),
    async get(id) {
      const row = await database.row("SELECT * FROM batches WHERE batch_id = $1", [id]);
      return row && toBatch(row);
    },
    update(id, patch) {
      const names = Object.keys(patch) as (keyof BatchPatch)[];
      const assignments = names.map((name, n) => `${PATCH_COLUMNS[name]} = $${n + 2}`).join(", ");
      return database.keepRunning(
        `UPDATE batches SET ${assignments} WHERE batch_id = $1 AND ended_at IS NULL`,
        [id, ...names.map((name) => asValue(patch[name]))],
      );
    },
    async unfinished() {
      const rows = await database.rows("SELECT * FROM batches WHERE ended_at IS NULL ORDER BY seq");
      return rows.map(toBatch);
    },
    async countUnfinished(tenant) {
      const row = await database.row(
        "SELECT count(*) AS count FROM batches WHERE ended_at IS NULL AND tenant = $1",
        [tenant],
      );
      return Number(row?.["count"]);
    },
    async page({ tenant, before, limit }) {
      const where = new Conditions();
      where.add("tenant = ?", tenant);
      where.add("seq < ?", before);
      const rows = await database.rows(
        numbered(`SELECT * FROM batches WHERE ${where.sql} ORDER BY seq DESC LIMIT ?`),
        [...where.values, limit],
      );
      return rows.map(toBatch);
    },
    addResult: (id, { line, isError, result }) =>
      database.keepRunning(
        `WITH added AS (INSERT INTO batch_results (batch_seq, line, is_error, result)
            SELECT seq, $2, $3, $4 FROM batches WHERE batch_id = $1 AND ended_at IS NULL
            ON CONFLICT DO NOTHING RETURNING batch_seq)
          UPDATE batches SET completed = completed + 1 - $3, failed = failed + $3
          WHERE seq = (SELECT batch_seq FROM added)`,
        [id, line, Number(isError), result],
      ),
    async linesDone(id) {
      const rows = await database.rows(
        `SELECT line FROM batch_results JOIN batches ON seq = batch_seq
          WHERE batch_id = $1 ORDER BY line`,
        [id],
      );
      return rows.map((row) => Number(row["line"]));
    },
    async nextResult(id, after) {
      const row = await database.row(
        `SELECT line, is_error, result FROM batch_results JOIN batches ON seq = batch_seq
          WHERE batch_id = $1 AND line > $2 ORDER BY line LIMIT 1`,
        [id, after],
      );
      return row && toResult(row);
    },
    dropResults: (id) =>
      database.keepRunning(
        "DELETE FROM batch_results WHERE batch_seq = (SELECT seq FROM batches WHERE batch_id = $1)",
        [id],
      ),
    removeOf: (tenant) => removeAll("tenant = $1", tenant),
    expire: (endedBefore) => removeAll("ended_at < $1", endedBefore),
  };
}
