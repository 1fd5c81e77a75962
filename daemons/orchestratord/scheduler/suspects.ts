/**
 * Jobs whose workers hang or die. The scheduler cannot see what a request does to a worker's native code,
 * only that the worker has ended and which jobs ran there. So that one bad request costs its neighbours
 * one attempt and does not fail them:
 *
 * 1. a worker that hangs or died loses all its jobs at once, which counts as a failure for none of them;
 * 2. the most likely cause is suspected. Only jobs that had delivered no token can be it. Preferred are,
 *    in this order: jobs suspected before; shaken jobs; jobs dispatched before the worker fell silent;
 *    jobs the worker never reported on; the job dispatched first;
 * 3. all of them are shaken: until a shaken job delivers again, it never runs beside another shaken one,
 *    so that the next death has one likeliest cause;
 * 4. a suspect waits apart from the lines. It is tried alone: on an idle worker, or on one that is loaded
 *    for it where there is room, one at a time on a pool; no worker is evicted for it;
 * 5. a job that was suspected once, and for which there is no such place, returns to its line. One that
 *    was suspected twice ends instead, and so does a second such job of the same tenant that waits;
 * 6. a job that was suspected twice before, and ends a worker on which it runs alone, ends.
 *
 * A delivered token clears a job of all this.
 *
 * @module
 */
import { dispatch, endJob, release } from "./jobs.ts";
import { startSpawn } from "./orders.ts";
import { planTrial } from "./placement.ts";
import { dequeue, putBack, standInLine } from "./queue.ts";
import type { Job } from "./job.ts";
import type { Effect, JobError, State, Worker } from "./state.ts";
import {
  hasSeat,
  holdersOf,
  isLoadedOrLoading,
  isLoading,
  isOwn,
  poolsOnTrial,
  usedSlots,
} from "./workers.ts";

/** A job that was suspected this many times is tried alone or not at all. */
const SUSPECTED_TWICE = 2;

/**
 * A worker with streams reports twice a second. A job dispatched more than this long after its last report,
 * in ms, came to a worker that was silent already.
 */
const SPEAKS_WITHIN_MS = 600;

/** An attempt on a worker that hung or died. */
interface Ran {
  readonly job: Job;
  readonly since: number;
  readonly delivered: boolean;
  readonly isHeard: boolean;
}

/**
 * Takes all jobs from a worker that hangs or has died, and suspects the one that is the likeliest cause.
 *
 * @param ended A job whose attempt has ended already and needs no abort.
 */
export function loseAll(
  state: State,
  worker: Worker,
  reason: string,
  now: number,
  effects: Effect[],
  ended?: Job,
): void {
  const workerId = worker.report.worker_id;
  const running = [...worker.jobs].flatMap((id) => state.running.get(id) ?? []);
  const attempts = [...runningOn(running), ...brokenOffFrom(state, workerId)];
  for (const job of running) {
    if (job !== ended) effects.push({ kind: "abort", jobId: job.id, attempt: job.attempt, reason });
    release(state, job, now);
  }
  // 1, 3
  for (const { job } of attempts) {
    job.brokeOff = undefined;
    job.isShaken = true;
    job.failures = 0;
  }
  // 2
  const cause = likeliest(attempts, worker.heardAt);
  if (cause) {
    cause.deaths++;
    state.blamed.add(cause.id);
    effects.push({ kind: "suspect", jobId: cause.id, workerId });
  }
  for (const { job } of attempts) if (!state.running.has(job.id)) waitAgain(state, job, now);
  // 6
  if (cause && cause.deaths > SUSPECTED_TWICE && attempts.length === 1) {
    endJob(state, cause.id, unsafe(cause, "the last time alone"), now, effects);
  }
}

/** Dispatches suspects to the workers that were loaded for them. */
export function seatOnOwn(state: State, now: number, effects: Effect[]): void {
  for (const job of suspects(state)) {
    for (const worker of holdersOf(state, job.fingerprint)) {
      if (!isOwn(worker, job) || !hasSeat(state, worker, now, job)) continue;
      dispatch(state, job, worker, now, effects);
      break;
    }
  }
}

/** Finds a place for each suspect without one, after the lines have taken the slots that they need. */
export function tryAlone(state: State, now: number, effects: Effect[]): void {
  const tenants = new Set<string>();
  for (const job of suspects(state)) {
    // 5
    if (job.deaths >= SUSPECTED_TWICE) {
      if (tenants.has(job.tenant)) {
        endJob(state, job.id, unsafe(job, "and another like it waits"), now, effects);
        continue;
      }
      tenants.add(job.tenant);
    }
    if (isOwnComing(state, job)) continue;
    job.trialRequest = undefined;
    // 4
    const seat = emptySeat(state, job, now);
    if (seat) {
      dispatch(state, job, seat, now, effects);
      continue;
    }
    // A worker that is loaded for the model's other jobs comes first, and may then serve the suspect, too.
    const { fingerprint } = job;
    if (state.lines.has(fingerprint) && !isLoadedOrLoading(state, fingerprint)) continue;
    if (isLoading(state, fingerprint)) continue;
    const plan = planTrial(state, job, now);
    if (plan.kind === "spawn") {
      const effect = startSpawn(state, plan.site, now, { trialOf: job.id });
      job.trialRequest = effect.spawn.requestId;
      effects.push(effect);
    } else if (plan.kind === "impossible") {
      // 5
      if (job.deaths < SUSPECTED_TWICE) standInLine(state, job);
      else endJob(state, job.id, unsafe(job, "and there is no room to try it alone"), now, effects);
    }
  }
}

/** Clears a job of all suspicion, because it has delivered. */
export function clear(state: State, job: Job): void {
  state.blamed.delete(job.id);
  job.deaths = 0;
  job.isShaken = false;
  job.brokeOff = undefined;
}

/** The suspects that wait, oldest first. */
function suspects(state: Readonly<State>): Job[] {
  if (state.suspects.size === 0) return [];
  return [...state.suspects].flatMap((id) => state.queued.get(id) ?? [])
    .sort((a, b) => a.queuedAt - b.queuedAt);
}

function runningOn(jobs: readonly Job[]): Ran[] {
  return jobs.flatMap((job) =>
    job.lease ? [{ job, ...job.lease, delivered: job.lease.tokensOut > 0 }] : []
  );
}

/** Attempts whose connection to a worker broke for a reason that is not known yet. */
function brokenOffFrom(state: Readonly<State>, workerId: string): Ran[] {
  const found: Ran[] = [];
  for (const jobs of [state.queued, state.running]) {
    for (const job of jobs.values()) {
      if (job.brokeOff?.workerId === workerId) found.push({ job, ...job.brokeOff });
    }
  }
  return found;
}

/** @param heardAt When the worker last reported progress. */
function likeliest(attempts: readonly Ran[], heardAt: number): Job | undefined {
  const isLate = ({ since }: Ran) => since - heardAt > SPEAKS_WITHIN_MS;
  const [first] = attempts.filter(({ delivered }) => !delivered).sort((a, b) =>
    b.job.deaths - a.job.deaths || Number(b.job.isShaken) - Number(a.job.isShaken) ||
    Number(isLate(a)) - Number(isLate(b)) || Number(a.isHeard) - Number(b.isHeard) ||
    a.since - b.since
  );
  return first?.job;
}

function waitAgain(state: State, job: Job, now: number): void {
  dequeue(state, job);
  job.notBefore = now;
  job.waitingSince = now;
  putBack(state, job, now);
}

/** Whether a worker that was requested to try a job alone is loading or ready. */
function isOwnComing(state: Readonly<State>, job: Job): boolean {
  if (job.trialRequest === undefined) return false;
  if (state.spawns.has(job.trialRequest)) return true;
  for (const worker of holdersOf(state, job.fingerprint)) if (isOwn(worker, job)) return true;
  return false;
}

/** An idle worker of the job's model, on a pool where no other suspect is tried. */
function emptySeat(state: Readonly<State>, job: Job, now: number): Worker | undefined {
  const busy = poolsOnTrial(state);
  for (const worker of holdersOf(state, job.fingerprint)) {
    if (usedSlots(worker) > 0 || busy.has(worker.poolId)) continue;
    if (hasSeat(state, worker, now, job)) return worker;
  }
  return undefined;
}

function unsafe({ deaths }: Job, how: string): JobError {
  return {
    code: "REQUEST_UNSAFE",
    message:
      `The request is not tried again: ${deaths} workers in a row hung or died with it before ` +
      `anything was delivered, ${how}; change its prompt, grammar or schema`,
  };
}
