/** Words for the states and kinds that the service names in its own way. */
import type { ActivityKind, JobStatus, PoolView } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";

/** Statuses of jobs, in the order of a job's life. */
export const JOB_WORDS: Readonly<Record<JobStatus, string>> = {
  queued: "waiting",
  dispatched: "starting",
  running: "running",
  completed: "done",
  failed: "failed",
  cancelled: "cancelled",
};

/** Statuses of batches and responses that are no plain words. */
const OTHERS: Readonly<Record<string, string>> = {
  validating: "checking",
  in_progress: "running",
  finalizing: "finishing",
  completed: "done",
  cancelling: "being cancelled",
  queued: "waiting",
  incomplete: "cut short",
};

/** A status of a batch or a response as a word. */
export function statusWord(status: string): string {
  return OTHERS[status] ?? status;
}

/** Kinds of events. */
export const EVENT_WORDS: Readonly<Record<ActivityKind, string>> = {
  started: "Service started",
  pool_seen: "Pool connected",
  pool_lost: "No heartbeat",
  pool_left: "Pool left",
  spawn: "Loading",
  spawn_failed: "Load failed",
  ready: "Worker ready",
  evict: "Made room",
  stop: "Worker stopped",
  exit: "Worker ended",
  failover: "Job moved",
  yield: "Made way",
  job_failed: "Job failed",
  request_unsafe: "Unsafe request",
  drain: "Pool drained",
  undrain: "Pool in service",
  reload: "Model replaced",
  load: "Load requested",
  unload: "Unload requested",
  pin: "Model pinned",
  unpin: "Model unpinned",
  gap: "Events missed",
};

/** Whether a pool is heard of now. What is known of others is as old as their last report. */
export function isHeard({ status }: Pick<PoolView, "status">): boolean {
  return status !== "unavailable";
}

/**
 * A pool's status.
 *
 * @param now ms since the epoch
 */
export function poolWord(pool: Pick<PoolView, "status" | "last_seen_at">, now: number): string {
  if (isHeard(pool)) return pool.status === "available" ? "in service" : pool.status;
  return `no heartbeat for ${silence(pool, now)}`;
}

/** How long a pool has been silent, in whole seconds. */
export function silence({ last_seen_at }: Pick<PoolView, "last_seen_at">, now: number): string {
  const ms = Math.max(0, now - Date.parse(last_seen_at));
  return formatDuration(ms - ms % 1000).replace(/^0 ms$/, "0 s");
}
