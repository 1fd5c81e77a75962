import type { State } from "./state.ts";

/** Sessions and prefixes that are remembered. */
const REMEMBERED = 20_000;

/** Remembers which worker was given a job: the like of it should come there too. */
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

/** What workers that have ended were known for, another is from now on: it was given what they held. */
export function inherit(state: State, ended: readonly string[], heir: string): void {
  const gone = new Set(ended);
  for (const [key, workerId] of state.warm) if (gone.has(workerId)) state.warm.set(key, heir);
}
