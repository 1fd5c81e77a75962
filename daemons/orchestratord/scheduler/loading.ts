/**
 * Loads that jobs wait for, and how long they usually take.
 *
 * @module
 */
import { usualLoad } from "./rates.ts";
import type { State } from "./state.ts";
import { holdersOf, isUsable } from "./workers.ts";

/** A load that is under way. */
export interface Load {
  readonly elapsedMs: number;
  /** Average of the last loads of the model on this kind of device; undefined if none was measured. */
  readonly usualMs?: number;
}

/**
 * The load for which jobs of a model wait; undefined if a worker serves it, or none is being started.
 *
 * @param jobId A job that may be tried alone: only it waits for the worker that is started for that.
 */
export function loadOf(
  state: Readonly<State>,
  fingerprint: string,
  now: number,
  jobId?: string,
): Load | undefined {
  for (const worker of holdersOf(state, fingerprint)) {
    if (isUsable(state, worker)) return undefined;
  }
  for (const spawn of state.spawns.values()) {
    if (spawn.fingerprint !== fingerprint || spawn.isCancelled) continue;
    if (spawn.trialOf !== undefined && spawn.trialOf !== jobId) continue;
    const usualMs = usualLoad(state, spawn);
    const elapsedMs = Math.max(0, now - spawn.startedAt);
    return { elapsedMs, ...(usualMs === undefined ? {} : { usualMs }) };
  }
  return undefined;
}
