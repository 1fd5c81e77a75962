import { KEPT_DAYS } from "../key_store.ts";
import type { Database } from "./database.ts";

/** Jobs that one transaction erases, at most: each may have many events. */
const JOBS = 50;

const DAY_MS = 24 * 3_600_000;

/**
 * Erases prompts and outputs whose retention is over, and jobs that ended before `forgetEndedBefore`, in
 * transactions of bounded size.
 *
 * @throws {LlorchError} `NOT_READY` if the database cannot be written
 */
export async function sweep(
  database: Database,
  now: number,
  forgetEndedBefore: number,
): Promise<{ erased: number; forgotten: number }> {
  const erased = await inSlices(
    database,
    "content_expires_at <= $1",
    now,
    [
      "DELETE FROM events WHERE job_id = ANY($1)",
      "UPDATE jobs SET request = NULL, call = NULL, content_expires_at = NULL WHERE job_id = ANY($1)",
    ],
  );
  const forgotten = await inSlices(
    database,
    "ended_at < $1",
    forgetEndedBefore,
    ["DELETE FROM jobs WHERE job_id = ANY($1)"],
  );
  const day = Math.floor(now / DAY_MS);
  await database.run("DELETE FROM key_tokens WHERE day < $1", [day - KEPT_DAYS]);
  return { erased, forgotten };
}

/** Runs statements on the ids of jobs that are due. */
async function inSlices(
  database: Database,
  due: string,
  time: number,
  statements: readonly string[],
): Promise<number> {
  for (let count = 0;;) {
    const done = await database.write(async (session) => {
      const { rows } = await session.query(
        `SELECT job_id FROM jobs WHERE ${due} LIMIT ${JOBS} FOR UPDATE SKIP LOCKED`,
        [time],
      );
      const jobIds = rows.map((row) => row["job_id"]);
      for (const sql of statements) await session.query(sql, [jobIds]);
      return jobIds.length;
    });
    count += done;
    if (done < JOBS) return count;
  }
}
