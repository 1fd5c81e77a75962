import { isOurs, stopWorker } from "./orders.ts";
import type { Effect, State, Worker } from "./state.ts";
import { isPinned, isUsable } from "./workers.ts";

/**
 * Stops second workers of models that nobody has used for a while: those that were loaded for a crowd
 * that has gone, and those of a pool that could not be reached, was replaced, and is back. One at a
 * time, least recently used first; never one that a person started or pinned, and none that can do what
 * no other can: a small worker that somebody started does not take the place of a full one.
 */
export function stopSurplus(state: State, now: number, effects: Effect[]): void {
  for (const [fingerprint, holders] of state.holders) {
    if (holders.size < 2 || state.lines.has(fingerprint)) continue;
    const usable = [...holders].filter((worker) => isUsable(state, worker));
    if (usable.length < 2) continue;
    const idle = usable
      .filter((worker) => isOurs(worker) && isIdle(state, worker, now) && !isPinned(state, worker))
      .filter((worker) => usable.some((other) => other !== worker && doesAll(state, other, worker)))
      .sort((a, b) => a.lastUsedAt - b.lastUsedAt);
    if (idle[0]) effects.push(stopWorker(state, idle[0], "surplus", now));
  }
}

/** Whether a worker does what another does: prompts as long, as many at once, and no CPU for a GPU. */
function doesAll(state: State, worker: Worker, other: Worker): boolean {
  if (isOnCpu(state, worker) && !isOnCpu(state, other)) return false;
  const { context, slots } = worker.report;
  return context >= other.report.context && slots >= other.report.slots;
}

function isOnCpu(state: State, { poolId, report }: Worker): boolean {
  const devices = state.pools.get(poolId)?.devices ?? [];
  return devices.some(({ id, kind }) => id === report.device && kind === "cpu");
}

function isIdle({ policy }: State, worker: Worker, now: number): boolean {
  return worker.jobs.size === 0 && now - worker.lastUsedAt >= policy.replicaIdleMs;
}
