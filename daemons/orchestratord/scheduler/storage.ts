/**
 * Jobs that are stored, while the database takes no writes: those that wait are held back, and those
 * that run give their slot back once as much of them waits to be written as may. What is not stored
 * is served meanwhile.
 *
 * @module
 */
import { handOver } from "./jobs.ts";
import { dequeue, isHeldBack, putBack } from "./queue.ts";
import type { Effect, State } from "./state.ts";

/** The database takes writes again, or does no more. */
export function setStorage(state: State, isWritable: boolean, now: number): void {
  state.isStorageWritable = isWritable;
  for (const job of [...state.queued.values()]) {
    const isHeld = state.held.has(job.id);
    // One that pauses, or is to be tried alone, takes nobody's place: it is held once that is over.
    const isInLine = !isHeld && !state.paused.has(job.id) && !state.suspects.has(job.id);
    if (isWritable ? !isHeld : !isInLine || !isHeldBack(state, job)) continue;
    dequeue(state, job);
    // It did not wait for a worker.
    if (isHeld) job.waitingSince = now;
    putBack(state, job, now);
  }
}

/** A running job can be written no further: its slot is for others. */
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
