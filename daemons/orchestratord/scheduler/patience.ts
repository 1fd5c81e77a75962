/**
 * Which jobs wait for a busy worker though another one has a free slot: those whose prompt it has read, and
 * which start sooner there than another worker could read it.
 *
 * @module
 */
import type { Job } from "./job.ts";
import { leftOf, readingOf } from "./rates.ts";
import type { State } from "./state.ts";
import { warmWorker } from "./workers.ts";

/** Whether a job without a free slot where its prompt was read waits for one there. */
export function awaitsItsWorker(state: Readonly<State>, job: Job, now: number): boolean {
  const worker = warmWorker(state, job, now);
  if (!worker || worker.heldElsewhere > 0) return false;
  const readMs = readingOf(state, job);
  const waitedMs = now - job.waitingSince;
  if (waitedMs >= readMs) return false;
  let soonestMs = Infinity;
  for (const id of worker.jobs) {
    const other = state.running.get(id);
    const left = other && leftOf(state, other, now);
    if (left) soonestMs = Math.min(soonestMs, left.mean);
  }
  return waitedMs + soonestMs < readMs;
}
