import type { JobEvent } from "#shared/contracts/mod.ts";
import { isTerminal } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { LiveJob } from "../jobs/live_job.ts";
import type { StreamItem } from "../jobs/job_stream.ts";
import type { Orchestrator } from "../service.ts";

/** Events read from the store at once. */
const PAGE = 256;

/**
 * Follows a live job for a client that counts as its listener: when the last one leaves a job that
 * is not detached, the job has the disconnect grace to be listened to again.
 *
 * @param graceMs 0 cancels at once.
 */
export async function* followLive(
  orchestrator: Orchestrator,
  job: LiveJob,
  after: number,
  signal: AbortSignal,
  graceMs: number,
): AsyncGenerator<readonly StreamItem[]> {
  const { clock, jobs, metrics } = orchestrator;
  job.dropGrace?.();
  job.dropGrace = undefined;
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
      if (job.facts.store) orchestrator.markRead(job.id);
    } else if (isAbandoned(job)) {
      const cancel = () => jobs.cancel(job.id, "The client went away");
      if (graceMs === 0) cancel();
      else job.dropGrace = clock.after(graceMs, cancel);
    }
  }
}

/** Whether nobody listens any more to a job that runs for its listeners. */
function isAbandoned({ ended, stream, facts }: LiveJob): boolean {
  return !ended && !stream.suspended && stream.readers === 0 && !facts.request.detached;
}

/**
 * The kept events of a job that has ended.
 *
 * @throws {LlorchError} `NOT_FOUND`, or `CONTENT_EXPIRED` once they are erased
 */
export async function* followKept(
  orchestrator: Orchestrator,
  jobId: string,
  after: number,
): AsyncGenerator<readonly StreamItem[]> {
  for (let last = after;;) {
    const page = await orchestrator.store.events(jobId, last, PAGE);
    const newest = page.at(-1);
    if (!newest) return;
    last = newest.id;
    yield page.map(({ id, event }) => ({ kind: "event", id, event }));
    if (isTerminal(newest.event)) return orchestrator.markRead(jobId);
    if (page.length < PAGE) return;
  }
}

/** A stream item as the event that a client sees; token ids only for those who ask. */
export function toClientEvent(item: StreamItem, withIds: boolean): JobEvent {
  if (item.kind === "metrics") return { event: "metrics", data: item.data };
  if (item.event.event !== "token" || withIds) return item.event;
  const { t, i, logprobs } = item.event.data;
  return { event: "token", data: logprobs ? { t, i, logprobs } : { t, i } };
}

/** The error that a caller gets for a job that nobody knows. */
export function jobNotFound(jobId: string): LlorchError {
  return new LlorchError("NOT_FOUND", `Cannot find job "${jobId}"`);
}
