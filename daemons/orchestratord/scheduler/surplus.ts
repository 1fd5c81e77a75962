import { kindAt } from "#shared/contracts/mod.ts";
import { isOurs, stopWorker } from "./orders.ts";
import type { Effect, State, Worker } from "./state.ts";
import { isPinned, isUsable, usedSlots } from "./workers.ts";

/**
 * Stops second workers of models that have been idle for a while: workers that were loaded for a peak that
 * is over, and workers of a pool that was unreachable, replaced meanwhile, and is back. One at a time,
 * least recently used first. Never stops a worker that a person started or pinned, nor one that can do
 * what no other can: a small worker that a person started does not replace a full one.
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

/** Whether a worker can replace another: its context and slots are no smaller, and it is no CPU for a GPU. */
function doesAll(state: State, worker: Worker, other: Worker): boolean {
  if (isOnCpu(state, worker) && !isOnCpu(state, other)) return false;
  const { context, slots } = worker.report;
  return context >= other.report.context && slots >= other.report.slots;
}

function isOnCpu(state: State, { poolId, report }: Worker): boolean {
  return kindAt(state.pools.get(poolId)?.devices ?? [], report.device) === "cpu";
}

function isIdle({ policy }: State, worker: Worker, now: number): boolean {
  return usedSlots(worker) === 0 && now - worker.lastUsedAt >= policy.replicaIdleMs;
}
