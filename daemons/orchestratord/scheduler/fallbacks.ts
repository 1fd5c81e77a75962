/**
 * Jobs whose name has a fallback (`names.ts`): they end early where their own model cannot be had, so that
 * the fallback can answer.
 *
 * @module
 */
import { endJob } from "./jobs.ts";
import type { Effect, State } from "./state.ts";
import { freeSeat, holdersOf, isInService, isUsable } from "./workers.ts";

/** Whether a pool in service has a model, or a worker that takes jobs holds it. */
export function isServed(state: Readonly<State>, fingerprint: string): boolean {
  for (const { id, models } of state.pools.values()) {
    const isThere = models.some((model) => model.fingerprint === fingerprint);
    if (isThere && isInService(state, id)) return true;
  }
  for (const worker of holdersOf(state, fingerprint)) if (isUsable(state, worker)) return true;
  return false;
}

/** Whether a new job of a model would start at once, so that it needs no place in the queue. */
export function startsAtOnce(state: Readonly<State>, fingerprint: string, now: number): boolean {
  return !state.draining && !state.lines.has(fingerprint) &&
    freeSeat(state, fingerprint, now) !== undefined;
}

/** Ends the waiting jobs that have a fallback and whose own model no pool in service has. */
export function endUnserved(state: State, now: number, effects: Effect[]): void {
  const served = new Map<string, boolean>();
  for (const { id, fingerprint, hasFallback, model } of [...state.queued.values()]) {
    if (!hasFallback) continue;
    if (!served.has(fingerprint)) served.set(fingerprint, isServed(state, fingerprint));
    if (served.get(fingerprint)) continue;
    const message = `Cannot run "${model}": every pool that has its model is unavailable`;
    endJob(state, id, { code: "POOL_UNAVAILABLE", message }, now, effects);
  }
}
