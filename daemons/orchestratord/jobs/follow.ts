import type { Clock } from "#shared/clock.ts";
import { isTerminal } from "#shared/contracts/mod.ts";
import type { OrchestratorMetrics } from "../metrics.ts";
import type { JobStore } from "../store/job_store.ts";
import type { Jobs } from "./jobs.ts";
import type { StreamItem } from "./job_stream.ts";
import type { LiveJob } from "./live_job.ts";

/** Dependencies of {@linkcode followLive} and {@linkcode followKept}. */
export interface FollowDeps {
  readonly clock: Clock;
  readonly jobs: Pick<Jobs, "cancel">;
  readonly store: Pick<JobStore, "events">;
  readonly metrics: Pick<OrchestratorMetrics, "streams">;
  /** Called once a client has read a stored job to its end. */
  markRead(jobId: string): void;
}

/** Events that are read from the store at a time. */
const PAGE = 256;

/**
 * Follows a live job for a client that counts as its listener: when the last listener leaves a job that
 * is not detached, the job is cancelled unless one comes back within the grace.
 *
 * @param after Id of the last event that the client has.
 * @param graceMs In ms; 0 cancels at once.
 */
export async function* followLive(
  { clock, jobs, metrics, markRead }: FollowDeps,
  job: LiveJob,
  after: number,
  signal: AbortSignal,
  graceMs: number,
): AsyncGenerator<readonly StreamItem[]> {
  job.keep();
  metrics.streams.inc();
  let readToEnd = false;
  try {
    for await (const items of job.stream.read(after, signal)) {
      yield items;
      const last = items.at(-1);
      readToEnd = last?.kind === "event" && isTerminal(last.event);
    }
  } finally {
    metrics.streams.dec();
    if (readToEnd) {
      if (job.facts.store) markRead(job.id);
    } else if (job.isAbandoned) {
      job.cancelAfter(clock, graceMs, () => jobs.cancel(job.id, "The client went away"));
    }
  }
}

/**
 * The stored events of a job that has ended.
 *
 * @param after Id of the last event that the client has.
 */
export async function* followKept(
  { store, markRead }: FollowDeps,
  jobId: string,
  after: number,
): AsyncGenerator<readonly StreamItem[]> {
  for (let last = after;;) {
    const page = await store.events(jobId, last, PAGE);
    const newest = page.at(-1);
    if (!newest) return;
    last = newest.id;
    yield page.map(({ id, event }) => ({ kind: "event", id, event }));
    if (isTerminal(newest.event)) return markRead(jobId);
    if (page.length < PAGE) return;
  }
}
