import type { DatabaseSync } from "node:sqlite";
import type { Committer } from "#shared/committer.ts";
import { delay } from "#shared/lifecycle.ts";
import type { BatchFilter, BatchPatch, BatchStore, ListedBatch } from "../batch_store.ts";
import {
  NEW_BATCH_COLUMNS,
  newBatchValues,
  PATCH_COLUMNS,
  toBatch,
  toResult,
} from "../rows/batch.ts";
import { asValue, type Row } from "../rows/row.ts";
import type { Space } from "./space.ts";
import { Conditions } from "../rows/conditions.ts";

/** Results that one transaction deletes, at most. */
const SLICE_RESULTS = 100;

/** Pause between two transactions, in which the event loop can do other work, in ms. */
const PAUSE_MS = 5;

/** The {@linkcode BatchStore} in the file of the job store. */
export function sqliteBatches(
  db: DatabaseSync,
  committer: Committer,
  space: Pick<Space, "cutLog" | "cutLogSoon">,
): BatchStore {
  // A key is revoked before its batches are removed.
  const insert = db.prepare(`
    INSERT INTO batches (${NEW_BATCH_COLUMNS.join(", ")})
    SELECT ${NEW_BATCH_COLUMNS.map((_, index) => `?${index + 1}`).join(", ")}
    WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE key_id = ?2 AND revoked_at IS NOT NULL)`);
  const insertResult = db.prepare(`
    INSERT OR IGNORE INTO batch_results (batch_seq, line, is_error, result)
    SELECT seq, ?2, ?3, ?4 FROM batches WHERE batch_id = ?1 AND ended_at IS NULL`);
  const count = db.prepare(`
    UPDATE batches SET completed = completed + ?2, failed = failed + ?3 WHERE batch_id = ?1`);
  const select = db.prepare("SELECT * FROM batches WHERE batch_id = ?");
  const selectUnfinished = db.prepare("SELECT * FROM batches WHERE ended_at IS NULL ORDER BY seq");
  const selectCount = db.prepare(
    "SELECT count(*) AS count FROM batches WHERE ended_at IS NULL AND tenant = ?",
  );
  const selectLines = db.prepare(`
    SELECT line FROM batch_results JOIN batches ON seq = batch_seq WHERE batch_id = ? ORDER BY line`);
  const selectResult = db.prepare(`
    SELECT line, is_error, result FROM batch_results JOIN batches ON seq = batch_seq
    WHERE batch_id = ? AND line > ? ORDER BY line LIMIT 1`);
  const deleteResults = db.prepare(`
    DELETE FROM batch_results WHERE rowid IN (
      SELECT r.rowid FROM batch_results r JOIN batches ON seq = batch_seq
      WHERE batch_id = ? LIMIT ${SLICE_RESULTS})`);
  const selectOf = db.prepare("SELECT batch_id FROM batches WHERE tenant = ? LIMIT 1");
  const selectEnded = db.prepare("SELECT batch_id FROM batches WHERE ended_at < ? LIMIT 1");
  const deleteBatch = db.prepare("DELETE FROM batches WHERE batch_id = ?");

  // Reads must see what was written before them in the same turn.
  const read = <T>(query: () => T): Promise<T> => {
    committer.flush();
    return Promise.resolve(query());
  };

  const dropResults = async (id: string): Promise<void> => {
    for (let dropped = SLICE_RESULTS; dropped === SLICE_RESULTS; await delay(PAUSE_MS)) {
      await committer.keep(() => {
        dropped = Number(deleteResults.run(id).changes);
      });
    }
  };

  /** Removes what `choose` returns until it returns nothing. */
  const removeAll = async (choose: () => Row | undefined): Promise<number> => {
    for (let removed = 0;; removed++) {
      const row = await read(choose);
      if (!row) return removed;
      const id = String(row["batch_id"]);
      await dropResults(id);
      await committer.keep(() => {
        // In the same transaction, for one that goes on while it is removed.
        deleteResults.run(id);
        deleteBatch.run(id);
      });
    }
  };

  return {
    add: (batch) => committer.write(() => void insert.run(...newBatchValues(batch))),
    get: (id) =>
      read(() => {
        const row = select.get(id);
        return row && toBatch(row);
      }),
    update: (id, patch) => committer.keep(() => applyPatch(db, id, patch)),
    unfinished: () => read(() => selectUnfinished.all().map(toBatch)),
    countUnfinished: (tenant) => read(() => Number(selectCount.get(tenant)?.["count"])),
    page: (filter) => read(() => selectPage(db, filter)),
    addResult: (id, { line, isError, result }) =>
      committer.keep(() => {
        if (insertResult.run(id, line, Number(isError), result).changes === 0) return;
        count.run(id, Number(!isError), Number(isError));
      }),
    linesDone: (id) => read(() => selectLines.all(id).map((row) => Number(row["line"]))),
    nextResult: (id, after) =>
      read(() => {
        const row = selectResult.get(id, after);
        return row && toResult(row);
      }),
    async dropResults(id) {
      await dropResults(id);
      space.cutLogSoon();
    },
    async removeOf(tenant) {
      const removed = await removeAll(() => selectOf.get(tenant));
      if (removed > 0) space.cutLog();
      return removed;
    },
    async expire(endedBefore) {
      const removed = await removeAll(() => selectEnded.get(endedBefore));
      if (removed > 0) space.cutLogSoon();
      return removed;
    },
  };
}

function applyPatch(db: DatabaseSync, id: string, patch: BatchPatch): void {
  const names = Object.keys(patch) as (keyof BatchPatch)[];
  const values = names.map((name) => asValue(patch[name]));
  const assignments = names.map((name) => `${PATCH_COLUMNS[name]} = ?`).join(", ");
  db.prepare(`UPDATE batches SET ${assignments} WHERE batch_id = ? AND ended_at IS NULL`)
    .run(...values, id);
}

function selectPage(db: DatabaseSync, { tenant, before, limit }: BatchFilter): ListedBatch[] {
  const where = new Conditions();
  where.add("tenant = ?", tenant);
  where.add("seq < ?", before);
  return db.prepare(
    `SELECT * FROM batches WHERE ${where.sql} ORDER BY seq DESC LIMIT ?`,
  ).all(...where.values, limit).map(toBatch);
}
