/**
 * Loads that jobs wait for, and how long they usually take.
 *
 * @module
 */
import { measure } from "./rates.ts";
import type { Spawn, State } from "./state.ts";
import { holdersOf, isUsable } from "./workers.ts";

/** A load that is under way. */
export interface Load {
  readonly elapsedMs: number;
  /** Average of the last loads of the model on this kind of device; undefined if none was measured. */
  readonly usualMs?: number;
}

/** Notes how long a load took. */
export function measureLoad(state: State, spawn: Spawn, tookMs: number): void {
  measure(state, spawn.fingerprint, "loadMs", tookMs);
  measure(state, onItsKind(state, spawn), "loadMs", tookMs);
}

/** The load for which jobs of a model wait; undefined if a worker serves it, or none is being started. */
export function loadOf(state: Readonly<State>, fingerprint: string, now: number): Load | undefined {
  for (const worker of holdersOf(state, fingerprint)) {
    if (isUsable(state, worker)) return undefined;
  }
  for (const spawn of state.spawns.values()) {
    if (spawn.fingerprint !== fingerprint || spawn.isCancelled) continue;
    const usualMs = state.rates.get(onItsKind(state, spawn))?.loadMs;
    const elapsedMs = Math.max(0, now - spawn.startedAt);
    return { elapsedMs, ...(usualMs === undefined ? {} : { usualMs }) };
  }
  return undefined;
}

/** Key of the figures of a model on a kind of device. */
function onItsKind(state: Readonly<State>, { poolId, device, fingerprint }: Spawn): string {
  const devices = state.pools.get(poolId)?.devices ?? [];
  return `${fingerprint} ${devices.find(({ id }) => id === device)?.kind ?? "cpu"}`;
}
