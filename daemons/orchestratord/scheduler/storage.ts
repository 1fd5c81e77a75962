/**
 * Stored jobs while the database takes no writes: waiting ones are held back, and running ones give their
 * slot back once their unwritten events have reached the bound. Jobs that are not stored are served
 * meanwhile.
 *
 * @module
 */
import { handOver } from "./jobs.ts";
import { dequeue, isHeldBack, putBack } from "./queue.ts";
import type { Effect, State } from "./state.ts";

/** Holds waiting stored jobs back, or puts them in line again, as the database takes writes or not. */
export function setStorage(state: State, isWritable: boolean, now: number): void {
  state.isStorageWritable = isWritable;
  for (const job of [...state.queued.values()]) {
    const isHeld = state.held.has(job.id);
    // A job that pauses or waits to be tried alone is in no line; it is held after that.
    const isInLine = !isHeld && !state.paused.has(job.id) && !state.suspects.has(job.id);
    if (isWritable ? !isHeld : !isInLine || !isHeldBack(state, job)) continue;
    dequeue(state, job);
    // While it was held it did not wait for a worker: its queue timeout starts now.
    if (isHeld) job.waitingSince = now;
    putBack(state, job, now);
  }
}

/** Takes the slot of a running job whose events cannot be written, so that others can use it. */
export function yieldSlot(
  state: State,
  jobId: string,
  attempt: number,
  now: number,
  effects: Effect[],
): void {
  const job = state.running.get(jobId);
  if (job?.attempt !== attempt || !isHeldBack(state, job)) return;
  handOver(state, job, "the database takes no writes", now, effects);
}
