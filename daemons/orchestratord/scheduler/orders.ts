/**
 * What pools are told to do: start a worker, stop one.
 *
 * @module
 */
import type { Site } from "./placement.ts";
import type { Effect, State, StopReason, Worker } from "./state.ts";

/** What the request ids of our own spawns begin with; those of people begin otherwise. */
const SPAWN_PREFIX = "spawn-";

/**
 * Asks for a worker.
 *
 * @param why What it is asked for beside the jobs that wait for its model.
 */
export function startSpawn(
  state: State,
  site: Site,
  now: number,
  { isSwap = false, trialOf }: { readonly isSwap?: boolean; readonly trialOf?: string } = {},
): Effect & { kind: "spawn" } {
  const { pool, device, model } = site;
  const spawn = {
    requestId: `${SPAWN_PREFIX}${now}-${++state.spawnCount}`,
    poolId: pool.id,
    fingerprint: model.fingerprint,
    device: device.id,
    memoryBytes: site.needed,
    startedAt: now,
    workerId: undefined,
    isSwap,
    isCancelled: false,
    trialOf,
  };
  state.spawns.set(spawn.requestId, spawn);
  return { kind: "spawn", spawn, modelRef: model.model_ref, endpoint: pool.endpoint };
}

/** Whether a worker was asked for here, by this process or an earlier one, and not by a person. */
export function isOurs({ report }: Worker): boolean {
  return report.request_id.startsWith(SPAWN_PREFIX);
}

/** Tells a worker to stop: from now on it is given nothing. */
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
