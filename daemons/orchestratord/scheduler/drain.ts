/**
 * Pools that an operator takes out of service: nothing new is placed there, running streams may end
 * until the deadline and go on elsewhere after it, and each worker is stopped once it is idle.
 *
 * @module
 */
import { handOver } from "./jobs.ts";
import { stopWorker } from "./orders.ts";
import type { Effect, State, StopReason, Worker } from "./state.ts";
import { usedSlots, workersOf } from "./workers.ts";

/** Takes a pool out of service. Requested workers that are not ready yet are stopped like the others. */
export function drainPool(state: State, poolId: string, until: number): void {
  state.drains.set(poolId, until);
  for (const { poolId: of, requestId } of [...state.spawns.values()]) {
    if (of === poolId) state.spawns.delete(requestId);
  }
}

/** Stops idle workers on drained pools, and hands over the streams that run past the deadline. */
export function carryOutDrains(state: State, now: number, effects: Effect[]): void {
  for (const [poolId, until] of state.drains) {
    for (const worker of workersOf(state, poolId)) {
      retire(state, worker, { until, reason: "drain" }, now, effects);
    }
  }
}

/** Stops a worker that takes no new jobs once it is idle; from `until` on, hands its jobs over. */
export function retire(
  state: State,
  worker: Worker,
  { until, reason }: { readonly until: number; readonly reason: StopReason },
  now: number,
  effects: Effect[],
): void {
  if (now >= until) {
    for (const id of [...worker.jobs]) {
      const job = state.running.get(id);
      if (job) handOver(state, job, "its worker is taken out of service", now, effects);
    }
  }
  const isThere = state.pools.get(worker.poolId)?.available === true;
  if (!isThere || usedSlots(worker) > 0 || worker.stoppingSince !== undefined) return;
  if (worker.report.state === "stopping") return;
  effects.push(stopWorker(state, worker, reason, now));
}
