/**
 * Orders to pools: start a worker, stop one.
 *
 * @module
 */
import type { FittingSite } from "./sites.ts";
import type { Effect, State, StopReason, Worker } from "./state.ts";

/** Prefix of the request ids of our own spawns; request ids of people have another. */
const SPAWN_PREFIX = "spawn-";

/**
 * Requests a worker. `isSwap` says that others are stopped for it; `trialOf` is the job to try alone on it,
 * by default it is for all jobs of its model.
 */
export function startSpawn(
  state: State,
  site: FittingSite,
  now: number,
  { isSwap = false, trialOf }: { readonly isSwap?: boolean; readonly trialOf?: string } = {},
): Effect & { kind: "spawn" } {
  const { pool, device, model } = site;
  const spawn = {
    // No other start of the service may have it, whatever its clock said.
    requestId: `${SPAWN_PREFIX}${state.start}-${now}-${++state.spawnCount}`,
    poolId: pool.id,
    fingerprint: model.fingerprint,
    device: device.id,
    claims: site.claims.all,
    startedAt: now,
    workerId: undefined,
    isSwap,
    isCancelled: false,
    trialOf,
  };
  state.spawns.set(spawn.requestId, spawn);
  return { kind: "spawn", spawn, modelRef: model.model_ref, endpoint: pool.endpoint };
}

/** Whether the scheduler requested a worker, in this process or an earlier one, and not a person. */
export function isOurs({ report }: Worker): boolean {
  return report.request_id.startsWith(SPAWN_PREFIX);
}

/** Stops a worker: from now on it gets no jobs. */
export function stopWorker(state: State, worker: Worker, reason: StopReason, now: number): Effect {
  const { poolId, report } = worker;
  worker.stoppingSince = now;
  return {
    kind: "stop_worker",
    poolId,
    endpoint: state.pools.get(poolId)?.endpoint ?? "",
    workerId: report.worker_id,
    reason,
  };
}
