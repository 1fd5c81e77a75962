import type { FileStore } from "../file_store.ts";
import { Conditions } from "../rows/conditions.ts";
import { toFile } from "../rows/file.ts";
import { type Database, exists, numbered } from "./database.ts";

/** Files that one statement removes, at most: some may be large. */
const SLICE_FILES = 16;

/** The {@linkcode FileStore}. */
export function postgresFiles(database: Database): FileStore {
  /** Removes the files that a condition selects, in statements of bounded size. */
  const removeAll = async (condition: string, values: readonly unknown[]): Promise<number> => {
    for (let count = 0;;) {
      const removed = await database.keep(async (session) => {
        const { count } = await session.query(
          `DELETE FROM files WHERE seq IN (SELECT seq FROM files WHERE ${condition} LIMIT ${SLICE_FILES})`,
          values,
        );
        return count;
      });
      count += removed;
      if (removed < SLICE_FILES) return count;
    }
  };

  return {
    begin: ({ id, tenant, name, purpose, createdAt }) =>
      // A key is revoked before its files are removed: what its running requests write afterwards would stay.
      database.insert(
        `INSERT INTO files (file_id, tenant, name, purpose, state, created_at, used_at, owner)
          SELECT $1, $2, $3, $4, 'writing', $5, $5, $6
          WHERE NOT EXISTS (SELECT FROM api_keys WHERE key_id = $2 AND revoked_at IS NOT NULL)`,
        [id, tenant, name, purpose, createdAt, database.incarnation],
      ),
    append(id, data) {
      // Known before the first attempt, so that no attempt adds it once more.
      let part: unknown;
      return database.write(async (session) => {
        if (part === undefined) {
          const { rows: [row] } = await session.query(
            "SELECT parts FROM files WHERE file_id = $1",
            [id],
          );
          part = row?.["parts"];
          if (part === undefined) return;
        }
        await session.query(
          `WITH grown AS (UPDATE files SET parts = parts + 1, bytes = bytes + $3
              WHERE file_id = $1 AND state = 'writing' AND parts = $2 RETURNING seq)
            INSERT INTO file_parts (file_seq, part, data) SELECT seq, $2, $4 FROM grown`,
          [id, part, data.byteLength, data],
        );
      });
    },
    finish: (id, { lines, expiresAt }) =>
      database.write(async (session, isAgain) => {
        const { count } = await session.query(
          `UPDATE files SET state = 'ready', lines = $2, expires_at = $3
            WHERE file_id = $1 AND state = 'writing'`,
          [id, lines, expiresAt ?? null],
        );
        if (count > 0 || !isAgain) return count > 0;
        // An attempt whose outcome was not known has finished it, if it is there.
        const { rows } = await session.query(
          "SELECT FROM files WHERE file_id = $1 AND state = 'ready'",
          [id],
        );
        return rows.length > 0;
      }),
    async get(id) {
      const row = await database.row(
        "SELECT * FROM files WHERE file_id = $1 AND state = 'ready'",
        [id],
      );
      return row && toFile(row);
    },
    async read(id, part) {
      const row = await database.row(
        `SELECT data FROM file_parts JOIN files ON seq = file_seq
          WHERE file_id = $1 AND part = $2 AND state = 'ready'`,
        [id, part],
      );
      return row?.["data"] as Uint8Array | undefined;
    },
    async page({ tenant, purpose, after, isOldestFirst = false, limit }) {
      const where = new Conditions("state = 'ready'");
      where.add("tenant = ?", tenant);
      where.add("purpose = ?", purpose);
      where.add(isOldestFirst ? "seq > ?" : "seq < ?", after);
      const rows = await database.rows(
        numbered(`SELECT * FROM files WHERE ${where.sql}
          ORDER BY seq ${isOldestFirst ? "ASC" : "DESC"} LIMIT ?`),
        [...where.values, limit],
      );
      return rows.map(toFile);
    },
    async totals(tenant) {
      const row = await database.row(
        "SELECT count(*) AS count, coalesce(sum(bytes), 0)::bigint AS bytes FROM files WHERE tenant = $1",
        [tenant],
      );
      return { count: Number(row?.["count"]), bytes: Number(row?.["bytes"]) };
    },
    touch: (id, at) =>
      database.keepRunning("UPDATE files SET used_at = $2 WHERE file_id = $1 AND used_at < $2", [
        id,
        at,
      ]),
    remove(id) {
      // Known before the first attempt: a later one may find nothing, because the first has removed it.
      let isThere: boolean | undefined;
      return database.keep(async (session) => {
        isThere ??= await exists(session, "SELECT FROM files WHERE file_id = $1", id);
        await session.query("DELETE FROM files WHERE file_id = $1", [id]);
        return isThere;
      });
    },
    removeOf: (tenant) => removeAll("tenant = $1", [tenant]),
    // Those of orchestrators that are gone: another one may be writing its own.
    removeUnfinished: () =>
      removeAll(
        "state = 'writing' AND NOT EXISTS (SELECT FROM replicas WHERE incarnation = owner) AND owner IS DISTINCT FROM $1",
        [database.incarnation],
      ),
    expire: (now, usedBefore) =>
      removeAll(
        `state = 'ready' AND (used_at < $2 OR expires_at <= $1)
          AND file_id NOT IN (SELECT input_file_id FROM batches WHERE ended_at IS NULL)`,
        [now, usedBefore],
      ),
  };
}
