import { defined } from "#shared/json.ts";
import type { PoolState, PoolWorker } from "#shared/contracts/pool.ts";
import { poolRoutes as routes } from "#shared/contracts/pool_routes.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";
import type { Context } from "../context.ts";
import { modelAdvice } from "./model_advice.ts";
import type { WorkerRequest } from "./worker_request.ts";
import { chooseModel, choosePlace, modelMissing } from "./worker_choice.ts";

/** Longest wait for a worker, in milliseconds; the pool manager gives up earlier. */
const START_DEADLINE_MS = 600_000;

/** Interval between requests for the pool's state, in milliseconds. */
const POLL_MS = 50;

/** After an interrupt, time for the streams of the new worker to end, in milliseconds. */
const LEAVE_DEADLINE_MS = 5_000;

/**
 * Asks the pool manager for a worker and waits until it is ready.
 *
 * @throws {LlorchError} when it does not become ready. When the signal aborts, it is stopped first.
 */
export async function startWorker(
  client: Client,
  { pool_id, models, devices }: PoolState,
  request: WorkerRequest,
  context: Context,
): Promise<PoolWorker> {
  const { signal } = context;
  const model = chooseModel(models, request.model);
  if (model === undefined) {
    throw modelMissing(models, request.model, await modelAdvice(request.model, context));
  }
  const device = choosePlace(devices, request.kind, request.gpu, model);
  const { context: tokens, slots, gpuLayers } = request;
  const { worker_id } = await client.call(routes.spawn, {
    params: { id: pool_id },
    body: {
      request_id: `llorch-${crypto.randomUUID()}`,
      model_ref: model.model_ref,
      fingerprint: model.fingerprint,
      ...defined({ device, context: tokens, slots, gpu_layers: gpuLayers }),
    },
  });
  try {
    return await untilReady(client, worker_id, signal);
  } catch (error) {
    if (signal.aborted) {
      await client.call(routes.stopWorker, {
        params: { id: worker_id },
        body: { deadline_ms: LEAVE_DEADLINE_MS },
      });
    }
    throw error;
  }
}

async function untilReady(
  client: Client,
  workerId: string,
  signal: AbortSignal,
): Promise<PoolWorker> {
  const deadline = performance.now() + START_DEADLINE_MS;
  while (performance.now() < deadline) {
    const { workers, exits } = await client.call(routes.state, {}, { signal });
    const worker = workers.find(({ worker_id }) => worker_id === workerId);
    if (worker?.state === "ready") return worker;
    const exit = exits.find(({ worker_id }) => worker_id === workerId);
    if (worker === undefined) {
      const { category = "it ended", detail } = exit ?? {};
      throw new LlorchError(
        "WORKER_START_FAILED",
        `Worker ${workerId} did not become ready (${category})${detail ? `: ${detail}` : ""}; ` +
          `llorch worker logs ${workerId} shows its last lines`,
      );
    }
    await delay(POLL_MS, signal);
  }
  throw new LlorchError("TIMEOUT", `Worker ${workerId} is not ready yet; see llorch worker list`);
}
