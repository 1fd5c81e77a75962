import type { State } from "./state.ts";

/** Sessions and prefixes that are remembered, at most. */
const REMEMBERED = 20_000;

/** Remembers which worker took a job, so that similar jobs go to the same worker. */
export function remember(state: State, keys: readonly string[], workerId: string): void {
  for (const key of keys) {
    state.warm.delete(key);
    state.warm.set(key, workerId);
  }
  for (const key of state.warm.keys()) {
    if (state.warm.size <= REMEMBERED) return;
    state.warm.delete(key);
  }
}

/** Moves the affinity of workers that have ended to the worker that took over their slots. */
export function inherit(state: State, ended: readonly string[], heir: string): void {
  const gone = new Set(ended);
  for (const [key, workerId] of state.warm) if (gone.has(workerId)) state.warm.set(key, heir);
}
