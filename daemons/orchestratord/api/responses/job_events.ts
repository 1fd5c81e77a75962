import { followKept, followLive } from "../../jobs/follow.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import type { Orchestrator } from "../../service.ts";
import type { ChoiceItems } from "../dialect/choices.ts";

/** The events of a durable job from its first on, as a client reads them. */
export async function* eventsOf(
  orchestrator: Orchestrator,
  jobId: string,
  signal: AbortSignal,
): AsyncGenerator<readonly StreamItem[]> {
  const job = orchestrator.jobs.live(jobId);
  const { disconnect_grace_ms: graceMs } = orchestrator.config.streams;
  yield* job
    ? followLive(orchestrator, job, 0, signal, graceMs)
    : followKept(orchestrator, jobId, 0);
}

/** Items of the only job of a request. */
export async function* oneChoice(
  batches: AsyncGenerator<readonly StreamItem[]>,
): AsyncGenerator<ChoiceItems> {
  for await (const items of batches) yield { choice: 0, items };
}
