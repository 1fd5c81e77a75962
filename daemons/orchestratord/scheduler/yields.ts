/**
 * Short jobs beside long ones: a running job whose tenant has had more than its share gives its slot back,
 * so that others need not wait until it has ended. It continues later at its next token.
 *
 * @module
 */
import { costOf, expectedCost, hadSoFar } from "./fairness.ts";
import { handOver } from "./jobs.ts";
import { nextJob } from "./queue.ts";
import type { Job } from "./job.ts";
import { durationOf, leftOf, type Sized } from "./rates.ts";
import type { Effect, State } from "./state.ts";
import { freeSeat, holdersOf, takesJobs, usedSlots } from "./workers.ts";

/** A job yields at most this often, so that it ends in time whatever others do. */
export const MOST_YIELDS = 32;

/** No job yields where a slot will be free anyway within this share of `yieldAfterMs`. */
const SOON = 0.25;

/**
 * Lets running jobs of a model yield, one to each job that has waited for `yieldAfterMs`, unless a slot is free,
 * or soon will be.
 */
export function yieldSlots(
  state: State,
  fingerprint: string,
  now: number,
  effects: Effect[],
): void {
  const { yieldAfterMs } = state.policy;
  if (yieldAfterMs === 0 || freeSeat(state, fingerprint, now)) return;
  const served = new Set<string>();
  let freeInMs = soonestEnd(state, fingerprint, now);
  while (freeInMs > SOON * yieldAfterMs) {
    const next = nextJob(state, fingerprint, now, served);
    if (!next || now - next.waitingSince < yieldAfterMs) return;
    const victim = yieldsTo(state, next, now);
    if (!victim) return;
    served.add(next.id);
    freeInMs = Math.min(freeInMs, durationOf(state, next)?.mean ?? Infinity);
    victim.yields++;
    handOver(state, victim, "others have waited for its slot", now, effects, { yields: true });
  }
}

/** When the first of a model's running jobs is expected to end, in ms from now. */
function soonestEnd(state: Readonly<State>, fingerprint: string, now: number): number {
  let soonest = Infinity;
  for (const worker of holdersOf(state, fingerprint)) {
    if (!takesJobs(state, worker, now)) continue;
    for (const id of worker.jobs) {
      const job = state.running.get(id);
      const left = job && leftOf(state, job, now);
      soonest = Math.min(soonest, left?.mean ?? Infinity);
    }
  }
  return soonest;
}

/**
 * The running job that yields to a waiting one: of those that may, the one whose tenant has had most, and then
 * the one that yielded least. A job may yield if
 *
 * 1. its tenant has had more than the waiting job's tenant will have had once that job is served;
 * 2. it has delivered tokens, and its answer can go on from them in another attempt;
 * 3. it has had its slot for `yieldAfterMs`, and has not yielded {@linkcode MOST_YIELDS} times;
 * 4. its worker takes new jobs, holds what the waiting job may need, and has a free slot then.
 *
 * @param inMs Which job will yield in this time, if nothing else happens.
 */
export function yieldsTo(
  state: Readonly<State>,
  waiting: Sized & Pick<Job, "tenant" | "priority"> & Partial<Pick<Job, "tokensAtMost">>,
  now: number,
  inMs = 0,
): Job | undefined {
  // A batch job can wait.
  if (waiting.priority === "batch") return undefined;
  const bound = hadSoFar(state, waiting.tenant) + expectedCost(state, waiting);
  const tokenMs = state.rates.get(waiting.fingerprint)?.tokenMs ?? Infinity;
  let best: { job: Job; had: number } | undefined;
  for (const worker of holdersOf(state, waiting.fingerprint)) {
    if (!takesJobs(state, worker, now) || usedSlots(worker) > worker.report.slots) continue;
    if ((waiting.tokensAtMost ?? 0) >= worker.report.context) continue;
    for (const id of worker.jobs) {
      const job = state.running.get(id);
      if (!job || !mayYield(state, job, now + inMs)) continue;
      const had = hadSoFar(state, job.tenant) + costOf(0, inMs / tokenMs);
      if (job.tenant === waiting.tenant || had <= bound) continue;
      if (!best || had > best.had || had === best.had && job.yields < best.job.yields) {
        best = { job, had };
      }
    }
  }
  return best?.job;
}

function mayYield({ policy }: Readonly<State>, job: Job, now: number): boolean {
  const { lease, yields, speaks, isTied, deaths } = job;
  return lease !== undefined && lease.tokensOut > 0 && speaks && !isTied && deaths === 0 &&
    yields < MOST_YIELDS && now - lease.since >= policy.yieldAfterMs;
}
