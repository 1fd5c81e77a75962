import type { DatabaseSync } from "node:sqlite";
import type { Committer } from "#shared/committer.ts";
import { delay } from "#shared/lifecycle.ts";
import type { ListedResponse, ResponseFilter, ResponseStore } from "../response_store.ts";
import { ERASED } from "../rows/job.ts";
import {
  beyond,
  type Candidate,
  newResponseValues,
  toBounds,
  toCandidate,
  toListedResponse,
  toResponse,
} from "../rows/response.ts";
import type { Space } from "./space.ts";
import { Conditions } from "../rows/conditions.ts";

/** Responses that one transaction removes, at most. */
const SLICE_ROWS = 100;

/** Bytes of text that one transaction erases, at most, or one response if that is larger. */
const SLICE_BYTES = 1024 * 1024;

/** Pause between two transactions, in which the event loop can do other work, in ms. */
const PAUSE_MS = 5;

/** All columns but the texts, which may be long; SQLite refuses to read JSON of more than 1000 levels. */
const LISTED = "response_id, tenant, job_id, previous_id, model, created_at, ended_at, " +
  "used_at, bytes, CASE WHEN json_valid(response) THEN response ->> '$.status' END AS status";

/** The {@linkcode ResponseStore} in the file of the job store. */
export function sqliteResponses(
  db: DatabaseSync,
  committer: Committer,
  space: Pick<Space, "cutLog" | "cutLogSoon">,
): ResponseStore {
  // A key is revoked before its responses are removed: what its running requests store afterwards would stay.
  const insert = db.prepare(`
    INSERT INTO responses (response_id, tenant, job_id, previous_id, model, created_at, ended_at,
      used_at, bytes, request, response)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
      octet_length(?9) + coalesce(octet_length(?10), 0) + (
        SELECT coalesce(sum(bytes), 0) FROM images JOIN image_uses USING (sha256) WHERE owner = ?1),
      ?9, ?10
    WHERE NOT EXISTS (SELECT 1 FROM api_keys WHERE key_id = ?2 AND revoked_at IS NOT NULL)`);
  const end = db.prepare(`
    UPDATE responses SET response = ?2, ended_at = ?3, used_at = max(used_at, ?3),
      bytes = bytes + octet_length(?2)
    WHERE response_id = ?1 AND ended_at IS NULL`);
  const use = db.prepare(
    "UPDATE responses SET used_at = ?2 WHERE response_id = ?1 AND used_at < ?2",
  );
  // What the job of a removed response was asked and has answered goes with it.
  const eraseJob = db.prepare(`
    UPDATE jobs SET content_expires_at = ${ERASED}
    WHERE job_id = (SELECT job_id FROM responses WHERE response_id = ?)`);
  const eraseJobsOf = db.prepare(`
    UPDATE jobs SET content_expires_at = ${ERASED}
    WHERE job_id IN (SELECT job_id FROM responses WHERE tenant = ? AND job_id IS NOT NULL)`);
  const removeId = db.prepare("DELETE FROM responses WHERE response_id = ?");
  const removeSeq = db.prepare("DELETE FROM responses WHERE seq = ?");
  const select = db.prepare("SELECT * FROM responses WHERE response_id = ?");
  const selectUnfinished = db.prepare(
    "SELECT * FROM responses WHERE ended_at IS NULL ORDER BY seq",
  );
  const selectTotals = db.prepare(
    "SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM responses WHERE tenant = ?",
  );
  const selectOldestOf = db.prepare(`
    SELECT seq, bytes FROM responses WHERE tenant = ? AND ended_at IS NOT NULL
    ORDER BY used_at, seq LIMIT ${SLICE_ROWS}`);
  const selectOf = db.prepare(
    `SELECT seq, bytes FROM responses WHERE tenant = ? ORDER BY seq LIMIT ${SLICE_ROWS}`,
  );
  const selectUnused = db.prepare(`
    SELECT seq, bytes FROM responses WHERE ended_at IS NOT NULL AND used_at < ?
    ORDER BY used_at, seq LIMIT ${SLICE_ROWS}`);

  // Reads must see what was written before them in the same turn.
  const read = <T>(query: () => T): Promise<T> => {
    committer.flush();
    return Promise.resolve(query());
  };

  /** Removes what `choose` returns, in transactions of bounded size, until it returns nothing. */
  const removeAll = async (choose: () => readonly Candidate[]): Promise<number> => {
    for (let count = 0;; await delay(PAUSE_MS)) {
      let removed = 0;
      await committer.keep(() => {
        const slice = sliceOf(choose());
        for (const { seq } of slice) removeSeq.run(seq);
        removed = slice.length;
      });
      if (removed === 0) return count;
      count += removed;
    }
  };

  return {
    add: (row) => committer.write(() => void insert.run(...newResponseValues(row))),
    finish: (id, response, endedAt) => committer.keep(() => void end.run(id, response, endedAt)),
    get: (id) =>
      read(() => {
        const row = select.get(id);
        return row && toResponse(row);
      }),
    touch: (id, at) => committer.keep(() => void use.run(id, at)),
    async remove(id) {
      let isRemoved = false;
      await committer.keep(() => {
        eraseJob.run(id);
        isRemoved = removeId.run(id).changes > 0;
      });
      if (isRemoved) space.cutLogSoon();
      return isRemoved;
    },
    unfinished: () => read(() => selectUnfinished.all().map(toResponse)),
    page: (filter) => read(() => selectPage(db, filter)),
    async trim(tenant, most) {
      const count = await removeAll(() =>
        beyond(
          toBounds(selectTotals.get(tenant)),
          most,
          selectOldestOf.all(tenant).map(toCandidate),
        )
      );
      if (count > 0) space.cutLogSoon();
      return count;
    },
    async removeOf(tenant) {
      const count = await removeAll(() => {
        eraseJobsOf.run(tenant);
        return selectOf.all(tenant).map(toCandidate);
      });
      if (count > 0) space.cutLog();
      return count;
    },
    async expire(usedBefore) {
      const count = await removeAll(() => selectUnused.all(usedBefore).map(toCandidate));
      // Whether or not something has expired: `orchestratord keys revoke` may have ended before it could.
      space.cutLog();
      return count;
    },
  };
}

/** The first responses, as many as one transaction may remove. */
function sliceOf(candidates: readonly Candidate[]): readonly Candidate[] {
  let bytes = 0;
  const end = candidates.findIndex((each, index) =>
    (bytes += each.bytes) > SLICE_BYTES && index > 0
  );
  return end < 0 ? candidates : candidates.slice(0, end);
}

function selectPage(db: DatabaseSync, { tenant, before, limit }: ResponseFilter): ListedResponse[] {
  const where = new Conditions();
  where.add("tenant = ?", tenant);
  where.add("seq < (SELECT seq FROM responses WHERE response_id = ?)", before);
  return db.prepare(
    `SELECT ${LISTED} FROM responses WHERE ${where.sql} ORDER BY seq DESC LIMIT ?`,
  ).all(...where.values, limit).map(toListedResponse);
}
