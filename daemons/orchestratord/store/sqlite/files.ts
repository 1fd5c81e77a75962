import type { DatabaseSync } from "node:sqlite";
import type { Committer } from "#shared/committer.ts";
import { delay } from "#shared/lifecycle.ts";
import type { FileFilter, FileStore, ListedFile } from "../file_store.ts";
import { toFile } from "../rows/file.ts";
import type { Room } from "./room.ts";
import type { Space } from "./space.ts";
import { Conditions } from "../rows/conditions.ts";

/** Parts that one transaction deletes, at most: 1 MiB of uploads. */
const SLICE_PARTS = 4;

/** Files that are marked as removed in one transaction, at most. */
const SLICE_FILES = 500;

/** Pause between two transactions, in which the event loop can do other work, in ms. */
const PAUSE_MS = 5;

/** The {@linkcode FileStore} in the file of the job store. */
export function sqliteFiles(
  db: DatabaseSync,
  committer: Committer,
  space: Pick<Space, "cutLog" | "cutLogSoon">,
  room: Room,
): FileStore {
  // A key is revoked before its files are removed: what its running requests write afterwards would stay.
  const insert = db.prepare(`
    INSERT INTO files (file_id, tenant, name, purpose, state, created_at, used_at)
    SELECT ?1, ?2, ?3, ?4, 'writing', ?5, ?5
    WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE key_id = ?2 AND revoked_at IS NOT NULL)`);
  const insertPart = db.prepare(`
    INSERT INTO file_parts (file_seq, part, data)
    SELECT seq, parts, ?2 FROM files WHERE file_id = ?1 AND state = 'writing'`);
  const grow = db.prepare(`
    UPDATE files SET parts = parts + 1, bytes = bytes + ?2
    WHERE file_id = ?1 AND state = 'writing'`);
  const end = db.prepare(
    "UPDATE files SET state = 'ready', lines = ?2, expires_at = ?3 " +
      "WHERE file_id = ?1 AND state = 'writing'",
  );
  const use = db.prepare(
    "UPDATE files SET used_at = ?2 WHERE file_id = ?1 AND used_at < ?2",
  );
  const select = db.prepare("SELECT * FROM files WHERE file_id = ? AND state = 'ready'");
  const selectPart = db.prepare(`
    SELECT data FROM file_parts JOIN files ON seq = file_seq
    WHERE file_id = ? AND part = ? AND state = 'ready'`);
  const selectTotals = db.prepare(
    "SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM files WHERE tenant = ?",
  );
  const markId = db.prepare(
    "UPDATE files SET state = 'removed' WHERE file_id = ? AND state <> 'removed'",
  );
  const markOf = db.prepare(`
    UPDATE files SET state = 'removed' WHERE seq IN (
      SELECT seq FROM files WHERE tenant = ? AND state <> 'removed' LIMIT ${SLICE_FILES})`);
  const markUnfinished = db.prepare("UPDATE files SET state = 'removed' WHERE state = 'writing'");
  const markExpired = db.prepare(`
    UPDATE files SET state = 'removed' WHERE seq IN (
      SELECT seq FROM files WHERE state = 'ready' AND (used_at < ?2 OR expires_at <= ?1)
        AND file_id NOT IN (SELECT input_file_id FROM batches WHERE ended_at IS NULL)
      LIMIT ${SLICE_FILES})`);
  const selectRemoved = db.prepare("SELECT seq FROM files WHERE state = 'removed' LIMIT 1");
  const deleteParts = db.prepare(`
    DELETE FROM file_parts WHERE rowid IN (
      SELECT rowid FROM file_parts WHERE file_seq = ? LIMIT ${SLICE_PARTS})`);
  const deleteFile = db.prepare("DELETE FROM files WHERE seq = ?");

  // Reads must see what was written before them in the same turn.
  const read = <T>(query: () => T): Promise<T> => {
    committer.flush();
    return Promise.resolve(query());
  };

  /** Deletes the files that are marked, in transactions of bounded size. */
  const deleteRemoved = async (): Promise<void> => {
    for (let isMore = true; isMore; await delay(PAUSE_MS)) {
      await committer.keep(() => {
        const seq = selectRemoved.get()?.["seq"];
        isMore = seq !== undefined;
        if (!isMore || deleteParts.run(seq!).changes > 0) return;
        deleteFile.run(seq!);
      });
    }
  };

  /** Removes what `mark` marks, until it marks nothing. */
  const removeAll = async (mark: () => number | bigint): Promise<number> => {
    for (let count = 0;; await delay(PAUSE_MS)) {
      let marked = 0;
      await committer.keep(() => void (marked = Number(mark())));
      count += marked;
      if (marked > 0) continue;
      await deleteRemoved();
      return count;
    }
  };

  return {
    begin: (file) =>
      committer.write(() => {
        const { id, tenant, name, purpose, createdAt } = file;
        insert.run(id, tenant, name, purpose, createdAt);
      }),
    async append(id, data) {
      await room.check(data.byteLength, "file");
      await committer.write(() => {
        insertPart.run(id, data);
        grow.run(id, data.byteLength);
      });
    },
    async finish(id, { lines, expiresAt }) {
      let isFinished = false;
      await committer.write(() => {
        isFinished = end.run(id, lines, expiresAt ?? null).changes > 0;
      });
      return isFinished;
    },
    get: (id) =>
      read(() => {
        const row = select.get(id);
        return row && toFile(row);
      }),
    read: (id, part) =>
      read(() => {
        const data = selectPart.get(id, part)?.["data"];
        return data instanceof Uint8Array ? data : undefined;
      }),
    page: (filter) => read(() => selectPage(db, filter)),
    totals: (tenant) =>
      read(() => {
        const row = selectTotals.get(tenant);
        return { count: Number(row?.["count"]), bytes: Number(row?.["bytes"]) };
      }),
    touch: (id, at) => committer.keep(() => void use.run(id, at)),
    async remove(id) {
      let isRemoved = false;
      await committer.keep(() => {
        isRemoved = markId.run(id).changes > 0;
      });
      if (!isRemoved) return false;
      await deleteRemoved();
      space.cutLogSoon();
      return true;
    },
    async removeOf(tenant) {
      const count = await removeAll(() => markOf.run(tenant).changes);
      if (count > 0) space.cutLog();
      return count;
    },
    async removeUnfinished() {
      let count = 0;
      // In one step, so that no file is marked that is begun later.
      await committer.keep(() => void (count = Number(markUnfinished.run().changes)));
      if (count > 0) await deleteRemoved();
      return count;
    },
    async expire(now, usedBefore) {
      const count = await removeAll(() => markExpired.run(now, usedBefore).changes);
      // Also what another process could not erase, as in `responses.ts`.
      space.cutLog();
      return count;
    },
  };
}

function selectPage(
  db: DatabaseSync,
  { tenant, purpose, after, isOldestFirst = false, limit }: FileFilter,
): ListedFile[] {
  const where = new Conditions("state = 'ready'");
  where.add("tenant = ?", tenant);
  where.add("purpose = ?", purpose);
  where.add(isOldestFirst ? "seq > ?" : "seq < ?", after);
  return db.prepare(
    `SELECT * FROM files WHERE ${where.sql}
      ORDER BY seq ${isOldestFirst ? "ASC" : "DESC"} LIMIT ?`,
  ).all(...where.values, limit).map(toFile);
}
