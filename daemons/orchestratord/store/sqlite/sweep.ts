import type { DatabaseSync } from "node:sqlite";
import type { Committer } from "#shared/committer.ts";
import { delay } from "#shared/lifecycle.ts";
import type { EventLog } from "./event_log.ts";

/** Jobs that one transaction erases, at most; few, because requests may be long. */
const JOBS = 16;

/** Rows of events that one transaction deletes, which takes about two milliseconds. */
const EVENTS = 200;

/** Jobs whose events one transaction moves out of the log. */
const LOGGED_JOBS = 64;

/** Pause between two transactions, in which the event loop can do other work, in ms. */
const PAUSE_MS = 5;

/** What {@linkcode sweep} works on. */
export interface SweepDeps {
  readonly db: DatabaseSync;
  readonly committer: Committer;
  readonly log: EventLog;
}

/**
 * Erases prompts and outputs whose retention is over, and jobs that ended before `forgetEndedBefore`, in
 * transactions of bounded size with pauses between them. If a sweep is interrupted, the next one finishes
 * its work.
 *
 * @throws {LlorchError} as {@linkcode Committer.write}
 */
export async function sweep(
  deps: SweepDeps,
  now: number,
  forgetEndedBefore: number,
): Promise<{ erased: number; forgotten: number }> {
  const erase = new Slices(deps, {
    due: "content_expires_at <= ?",
    // Before the events are deleted, so that no request reads half an output.
    first:
      "UPDATE jobs SET request = NULL, call = NULL WHERE job_id IN (SELECT value FROM json_each(?))",
    last:
      "UPDATE jobs SET content_expires_at = NULL WHERE job_id IN (SELECT value FROM json_each(?))",
  });
  const forget = new Slices(deps, {
    due: "ended_at < ?",
    first:
      "UPDATE jobs SET request = NULL, call = NULL WHERE job_id IN (SELECT value FROM json_each(?))",
    last: "DELETE FROM jobs WHERE job_id IN (SELECT value FROM json_each(?))",
  });
  const erased = await erase.run(now);
  return { erased, forgotten: await forget.run(forgetEndedBefore) };
}

/** SQL of one kind of erasure. */
interface Erasure {
  /** Condition for jobs that are due; its parameter is a time. */
  readonly due: string;
  /** Run before the jobs' events are deleted; its parameter is a JSON array of job ids. */
  readonly first: string;
  /** The same, run afterwards. */
  readonly last: string;
}

/** Carries out an {@linkcode Erasure} in transactions of bounded size. */
class Slices {
  readonly #db: DatabaseSync;
  readonly #committer: Committer;
  readonly #log: EventLog;
  readonly #erasure: Erasure;

  constructor({ db, committer, log }: SweepDeps, erasure: Erasure) {
    this.#db = db;
    this.#committer = committer;
    this.#log = log;
    this.#erasure = erasure;
  }

  async run(time: number): Promise<number> {
    let count = 0;
    while (true) {
      const jobs = this.#db.prepare(`SELECT job_id FROM jobs WHERE ${this.#erasure.due} LIMIT ?`)
        .all(time, JOBS).map((row) => String(row["job_id"]));
      if (jobs.length === 0) return count;
      await this.#emptyLog();
      await this.#take(JSON.stringify(jobs));
      count += jobs.length;
    }
  }

  /** Removes what the log holds now: some of it may be of jobs that are due. */
  async #emptyLog(): Promise<void> {
    const { newest } = this.#log;
    while (this.#log.holds(newest)) {
      await this.#write(() => this.#log.settleOldest(LOGGED_JOBS));
    }
  }

  async #take(jobs: string): Promise<void> {
    await this.#write((db) => void db.prepare(this.#erasure.first).run(jobs));
    for (let deleted = EVENTS; deleted === EVENTS;) {
      await this.#write((db) => {
        deleted = Number(
          db.prepare(`DELETE FROM events WHERE (job_id, id) IN (SELECT job_id, id FROM events
            WHERE job_id IN (SELECT value FROM json_each(?)) LIMIT ${EVENTS})`).run(jobs).changes,
        );
      });
    }
    await this.#write((db) => void db.prepare(this.#erasure.last).run(jobs));
  }

  async #write(write: (db: DatabaseSync) => void): Promise<void> {
    await this.#committer.write(write);
    await delay(PAUSE_MS);
  }
}
