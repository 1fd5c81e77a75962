import { type PoolWorker, workerRoutes } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { defined } from "#shared/json.ts";
import type { JobRow } from "../store/job_store.ts";

/** A worker that takes longer to answer is not waited for, in ms. */
const CALL_MS = 1_000;

/** Dependencies of {@linkcode cancelEarlier}. */
export interface CancelDeps {
  /** Number of this start. */
  readonly start: number;
  /** Term of the leadership; undefined: there can be no other. */
  readonly term: number | undefined;
  /** A worker that its pool reports. */
  readonly worker: (poolId: string, workerId: string) => PoolWorker | undefined;
  /** The transport to workers. */
  readonly http: Deno.HttpClient | undefined;
}

/**
 * Cancels attempts that an earlier start of an orchestrator has begun: it may stand still with its connections
 * open, and no job may run twice at a time.
 */
export async function cancelEarlier(
  jobs: readonly Pick<JobRow, "jobId" | "attempts">[],
  { start, term, worker, http }: CancelDeps,
): Promise<void> {
  await Promise.all(jobs.map(async ({ jobId, attempts }) => {
    const last = attempts.at(-1);
    if (last === undefined || last.ended_at !== undefined) return;
    const { uri, token } = worker(last.pool_id, last.worker_id) ?? {};
    if (uri === undefined) return;
    const client = createClient({ baseUrl: uri, token, http, timeoutMs: CALL_MS });
    const sender = { epoch: start, ...defined({ term }) };
    const body = { job_id: jobId, attempt: attempts.length, sender };
    // A worker that does not answer has no stream either, or gets the next attempt's order.
    await client.call(workerRoutes.cancel, { body }).catch(() => {});
  }));
}
