/**
 * Which jobs wait for a busy worker though another one has a free slot: those whose prompt it has read, and
 * which start sooner there than reading costs elsewhere. They also let others have that slot first, for a
 * while: with more chats than slots, each worker so gets the chats that it has read.
 *
 * @module
 */
import type { Job } from "./job.ts";
import { leftOf, readingOf } from "./rates.ts";
import type { State } from "./state.ts";
import { freeSeat, usedSlots, warmWorker } from "./workers.ts";

/** A job lets others pass for at most this time, in ms. */
const MOST_PASSED_MS = 2_000;

/** Whether others are asked first for a slot of a worker that has not read a job's prompt. */
export function letsOthersPass(state: Readonly<State>, job: Job, now: number): boolean {
  const worker = warmWorker(state, job, now);
  if (!worker || worker.heldElsewhere > 0) return false;
  return now - job.waitingSince < MOST_PASSED_MS && readingOf(state, job) > 0;
}

/** Whether a job without a free slot where its prompt was read waits for one there. */
export function awaitsItsWorker(state: Readonly<State>, job: Job, now: number): boolean {
  const worker = warmWorker(state, job, now);
  if (!worker || worker.heldElsewhere > 0) return false;
  const other = freeSeat(state, job.fingerprint, now, job);
  // Where others are answered, reading holds up their answers for as long as its own.
  const readMs = readingOf(state, job) * (other && usedSlots(other) > 0 ? 2 : 1);
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
