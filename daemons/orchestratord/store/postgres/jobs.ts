import type { JobStore } from "../job_store.ts";
import { Conditions } from "../rows/conditions.ts";
import { LISTED, toEvent, toJob } from "../rows/job.ts";
import type { Row } from "../rows/row.ts";
import type { Appender } from "./appender.ts";
import { type Database, numbered } from "./database.ts";

/** The jobs and their events. */
export function postgresJobs(
  database: Database,
  appender: Appender,
): Pick<
  JobStore,
  | "accept"
  | "append"
  | "update"
  | "remove"
  | "get"
  | "findByKey"
  | "page"
  | "events"
  | "completed"
  | "unsafeSince"
  | "unfinished"
> {
  const one = (row: Row | undefined) => row && toJob(row);
  return {
    accept: (job, queued) => appender.accept({ job, queued }),
    append: (jobId, take) => appender.append(jobId, take),
    update: (jobId, patch) => appender.append(jobId, () => ({ events: [], patch })),
    remove: (jobId) => appender.remove(jobId),
    get: async (jobId) =>
      one(await database.row("SELECT * FROM jobs WHERE job_id = $1", [jobId], "job")),
    findByKey: async (key) =>
      one(await database.row("SELECT * FROM jobs WHERE idempotency_key = $1", [key], "job_by_key")),
    async page(filter) {
      const where = new Conditions();
      where.add("status = ?", filter.status);
      where.add("model = ?", filter.model);
      where.add("tenant = ?", filter.tenant);
      where.add("seq < ?", filter.before);
      const rows = await database.rows(
        numbered(`SELECT ${LISTED} FROM jobs WHERE ${where.sql} ORDER BY seq DESC LIMIT ?`),
        [...where.values, filter.limit],
      );
      return rows.map(toJob);
    },
    async events(jobId, after, limit) {
      const rows = await database.rows(
        "SELECT id, event, data FROM events WHERE job_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        [jobId, after, limit],
        "events",
      );
      return rows.map(toEvent);
    },
    async completed(limit) {
      const rows = await database.rows(
        "SELECT * FROM jobs WHERE status = 'completed' ORDER BY ended_at DESC LIMIT $1",
        [limit],
      );
      return rows.map(toJob).reverse();
    },
    async unsafeSince(time) {
      const rows = await database.rows(
        `SELECT tenant, ended_at FROM jobs
          WHERE ended_at > $1 AND error::json ->> 'code' = 'REQUEST_UNSAFE' ORDER BY ended_at`,
        [time],
      );
      return rows.map((row) => ({
        tenant: String(row["tenant"]),
        endedAt: Number(row["ended_at"]),
      }));
    },
    async unfinished() {
      // Those that no living orchestratord has are ours from now on.
      const own = database.incarnation;
      if (own !== null) {
        await database.keepRunning(
          `UPDATE jobs SET owner = $1 WHERE ended_at IS NULL AND owner IS DISTINCT FROM $1
            AND NOT EXISTS (SELECT FROM replicas WHERE incarnation = owner)`,
          [own],
        );
      }
      const rows = await database.rows(
        "SELECT * FROM jobs WHERE ended_at IS NULL AND owner IS NOT DISTINCT FROM $1 ORDER BY seq",
        [own],
      );
      return rows.map(toJob);
    },
  };
}
