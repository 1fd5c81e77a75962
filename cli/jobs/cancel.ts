import type { JobStatus } from "#shared/contracts/job.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import type { Client } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";

/** Longest wait for a cancelled job to end, in milliseconds. */
const END_DEADLINE_MS = 5_000;

/** Interval between requests for the job's state, in milliseconds. */
const POLL_MS = 25;

/** Timeout of each call while cancelling, in milliseconds. */
const CALL_TIMEOUT_MS = 5_000;

/**
 * Cancels a job and waits until it has ended.
 *
 * @returns how it ended; it may have completed before the cancel
 */
export async function cancelJob(client: Client, id: string): Promise<JobStatus> {
  const call = { timeoutMs: CALL_TIMEOUT_MS };
  await client.call(routes.cancelTask, { params: { id } }, call);
  const deadline = performance.now() + END_DEADLINE_MS;
  while (true) {
    const { status, ended_at } = await client.call(routes.getTask, { params: { id } }, call);
    if (ended_at !== undefined || performance.now() > deadline) return status;
    await delay(POLL_MS);
  }
}
