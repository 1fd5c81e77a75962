/**
 * Models that disappear: the file was deleted, truncated or overwritten, or its folder was unmounted.
 *
 * @module
 */
import { endJob } from "./jobs.ts";
import { giveUp } from "./residency.ts";
import { namesOf } from "./resolve.ts";
import type { Effect, Pool, State } from "./state.ts";
import { holdersOf, isLoading } from "./workers.ts";

/** A model may come back within this time, in ms: its file is being replaced, or its folder mounted again. */
const GRACE_MS = 3_000;

/** Models that are remembered, at most. */
const REMEMBERED = 10_000;

/** Notes which models a pool no longer has, and which are back. */
export function noteMissing(
  state: State,
  pool: Pool,
  before: Pool | undefined,
  now: number,
): void {
  const there = new Set(pool.models.map(({ fingerprint }) => fingerprint));
  for (const fingerprint of there) state.missing.delete(fingerprint);
  for (const model of before?.models ?? []) {
    const { fingerprint, path } = model;
    if (there.has(fingerprint)) continue;
    const why = pool.unusable.find((each) => each.path === path)?.reason;
    const isReplaced = pool.models.some((each) => each.path === path);
    const reason = `pool ${pool.id} no longer has it: ${
      why ?? (isReplaced ? "its file was replaced" : "its file is gone")
    }`;
    if (state.missing.size >= REMEMBERED) {
      for (const oldest of state.missing.keys()) {
        state.missing.delete(oldest);
        break;
      }
    }
    // Newest last: the loop above removes the oldest, which comes first.
    state.missing.delete(fingerprint);
    state.missing.set(fingerprint, { since: now, reason, names: namesOf(model) });
  }
}

/** Ends the jobs that wait for a model that no known pool has any more and no worker holds. */
export function endMissing(state: State, now: number, effects: Effect[]): void {
  for (const [fingerprint, { since, reason }] of state.missing) {
    if (now - since < GRACE_MS || isSomewhere(state, fingerprint)) continue;
    giveUp(state, fingerprint);
    for (const job of [...state.queued.values()]) {
      if (job.fingerprint !== fingerprint) continue;
      const message = `No pool has the model "${job.model}" any more: ${reason}`;
      endJob(state, job.id, { code: "MODEL_NOT_FOUND", message }, now, effects);
    }
  }
}

/** Whether a known pool has the model, even one that is silent, or a worker that is not stopping holds it. */
function isSomewhere(state: Readonly<State>, fingerprint: string): boolean {
  if (isLoading(state, fingerprint)) return true;
  for (const { stoppingSince } of holdersOf(state, fingerprint)) {
    if (stoppingSince === undefined) return true;
  }
  for (const { models } of state.pools.values()) {
    if (models.some((model) => model.fingerprint === fingerprint)) return true;
  }
  return false;
}
