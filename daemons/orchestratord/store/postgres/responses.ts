import type { ResponseStore } from "../response_store.ts";
import { Conditions } from "../rows/conditions.ts";
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
import { type Database, exists, numbered } from "./database.ts";
import type { Session } from "./session.ts";

/** Responses that one transaction removes, at most. */
const SLICE_ROWS = 100;

/** All columns but the texts, which may be long. */
const LISTED =
  "seq, response_id, tenant, job_id, previous_id, model, created_at, ended_at, used_at, bytes, status";

/** What the job of a removed response was asked and has answered goes with it. */
const ERASE_JOBS = `UPDATE jobs SET content_expires_at = ${ERASED}
  WHERE job_id IN (SELECT job_id FROM responses WHERE job_id IS NOT NULL AND `;

/** The {@linkcode ResponseStore}. */
export function postgresResponses(database: Database): ResponseStore {
  /** Removes what `choose` returns, in transactions of bounded size, until it returns nothing. */
  const removeAll = async (
    choose: (session: Session) => Promise<readonly Candidate[]>,
  ): Promise<number> => {
    for (let count = 0;;) {
      const removed = await database.keep(async (session) => {
        const chosen = await choose(session);
        const seqs = chosen.map(({ seq }) => seq);
        await session.query("DELETE FROM responses WHERE seq = ANY($1)", [seqs]);
        return chosen.length;
      });
      if (removed === 0) return count;
      count += removed;
    }
  };

  return {
    add: (row) =>
      // A key is revoked before its responses are removed: what its running requests store afterwards would stay.
      database.insert(
        `INSERT INTO responses (response_id, tenant, job_id, previous_id, model, created_at, ended_at,
            used_at, request, response, bytes)
          SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
            octet_length($9) + coalesce(octet_length($10), 0) + (
              SELECT coalesce(sum(bytes), 0) FROM images JOIN image_uses USING (sha256) WHERE owner = $1)
          WHERE NOT EXISTS (SELECT FROM api_keys WHERE key_id = $2 AND revoked_at IS NOT NULL)`,
        newResponseValues(row),
      ),
    finish: (id, response, endedAt) =>
      database.keepRunning(
        `UPDATE responses SET response = $2, ended_at = $3, used_at = greatest(used_at, $3),
            bytes = bytes + octet_length($2)
          WHERE response_id = $1 AND ended_at IS NULL`,
        [id, response, endedAt],
      ),
    async get(id) {
      const row = await database.row("SELECT * FROM responses WHERE response_id = $1", [id]);
      return row && toResponse(row);
    },
    touch: (id, at) =>
      database.keepRunning(
        "UPDATE responses SET used_at = $2 WHERE response_id = $1 AND used_at < $2",
        [id, at],
      ),
    remove(id) {
      // Known before the first attempt: a later one may find nothing, because the first has removed it.
      let isThere: boolean | undefined;
      return database.keep(async (session) => {
        const sql = "SELECT FROM responses WHERE response_id = $1";
        isThere ??= await exists(session, sql, id);
        await session.query(`${ERASE_JOBS} response_id = $1)`, [id]);
        await session.query("DELETE FROM responses WHERE response_id = $1", [id]);
        return isThere;
      });
    },
    async unfinished() {
      const rows = await database.rows(
        "SELECT * FROM responses WHERE ended_at IS NULL ORDER BY seq",
      );
      return rows.map(toResponse);
    },
    async page({ tenant, before, limit }) {
      const where = new Conditions();
      where.add("tenant = ?", tenant);
      where.add("seq < (SELECT seq FROM responses WHERE response_id = ?)", before);
      const rows = await database.rows(
        numbered(`SELECT ${LISTED} FROM responses WHERE ${where.sql} ORDER BY seq DESC LIMIT ?`),
        [...where.values, limit],
      );
      return rows.map(toListedResponse);
    },
    trim: (tenant, most) =>
      removeAll(async (session) => {
        const { rows: [totals] } = await session.query(
          "SELECT count(*) AS count, coalesce(sum(bytes), 0)::bigint AS bytes FROM responses WHERE tenant = $1",
          [tenant],
        );
        const { rows } = await session.query(
          `SELECT seq, bytes FROM responses WHERE tenant = $1 AND ended_at IS NOT NULL
            ORDER BY used_at, seq LIMIT ${SLICE_ROWS}`,
          [tenant],
        );
        return beyond(toBounds(totals), most, rows.map(toCandidate));
      }),
    removeOf: (tenant) =>
      removeAll(async (session) => {
        await session.query(`${ERASE_JOBS} tenant = $1)`, [tenant]);
        const { rows } = await session.query(
          `SELECT seq, bytes FROM responses WHERE tenant = $1 ORDER BY seq LIMIT ${SLICE_ROWS}`,
          [tenant],
        );
        return rows.map(toCandidate);
      }),
    expire: (usedBefore) =>
      removeAll(async (session) => {
        const { rows } = await session.query(
          `SELECT seq, bytes FROM responses WHERE ended_at IS NOT NULL AND used_at < $1
            ORDER BY used_at, seq LIMIT ${SLICE_ROWS}`,
          [usedBefore],
        );
        return rows.map(toCandidate);
      }),
  };
}
