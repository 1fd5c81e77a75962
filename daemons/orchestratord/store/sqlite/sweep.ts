import type { DatabaseSync } from "node:sqlite";
import type { Committer } from "#shared/committer.ts";
import { delay } from "#shared/lifecycle.ts";

/** Jobs that one transaction erases: requests may be long. */
const JOBS = 16;

/** Events that one transaction deletes, in about two milliseconds. */
const EVENTS = 500;

/** Between two transactions others have the event loop for so long, in ms. */
const PAUSE_MS = 5;

/**
 * Erases contents whose time has come, and jobs that ended before `forgetEndedBefore`, in transactions
 * of bounded size: what else the event loop does goes on between them. One that is cut off is taken up
 * by the next sweep.
 *
 * @throws {LlorchError} as {@linkcode Committer.write}
 */
export async function sweep(
  db: DatabaseSync,
  committer: Committer,
  now: number,
  forgetEndedBefore: number,
): Promise<{ erased: number; forgotten: number }> {
  const erase = new Slices(db, committer, {
    due: "content_expires_at <= ?",
    // Before its events go, so that nobody reads half an output.
    first: "UPDATE jobs SET request = NULL WHERE job_id IN (SELECT value FROM json_each(?))",
    last:
      "UPDATE jobs SET content_expires_at = NULL WHERE job_id IN (SELECT value FROM json_each(?))",
  });
  const forget = new Slices(db, committer, {
    due: "ended_at < ?",
    first: "UPDATE jobs SET request = NULL WHERE job_id IN (SELECT value FROM json_each(?))",
    last: "DELETE FROM jobs WHERE job_id IN (SELECT value FROM json_each(?))",
  });
  const erased = await erase.run(now);
  return { erased, forgotten: await forget.run(forgetEndedBefore) };
}

/** What is done to the jobs that are due. */
interface Deed {
  readonly due: string;
  readonly first: string;
  readonly last: string;
}

class Slices {
  readonly #db: DatabaseSync;
  readonly #committer: Committer;
  readonly #deed: Deed;

  constructor(db: DatabaseSync, committer: Committer, deed: Deed) {
    this.#db = db;
    this.#committer = committer;
    this.#deed = deed;
  }

  async run(time: number): Promise<number> {
    let count = 0;
    while (true) {
      const jobs = this.#db.prepare(`SELECT job_id FROM jobs WHERE ${this.#deed.due} LIMIT ?`)
        .all(time, JOBS).map((row) => String(row["job_id"]));
      if (jobs.length === 0) return count;
      await this.#take(JSON.stringify(jobs));
      count += jobs.length;
    }
  }

  async #take(jobs: string): Promise<void> {
    await this.#write((db) => void db.prepare(this.#deed.first).run(jobs));
    for (let deleted = EVENTS; deleted === EVENTS;) {
      await this.#write((db) => {
        deleted = Number(
          db.prepare(`DELETE FROM events WHERE (job_id, id) IN (SELECT job_id, id FROM events
            WHERE job_id IN (SELECT value FROM json_each(?)) LIMIT ${EVENTS})`).run(jobs).changes,
        );
      });
    }
    await this.#write((db) => void db.prepare(this.#deed.last).run(jobs));
  }

  async #write(write: (db: DatabaseSync) => void): Promise<void> {
    await this.#committer.write(write);
    await delay(PAUSE_MS);
  }
}
