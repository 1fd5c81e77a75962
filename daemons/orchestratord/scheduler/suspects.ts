/**
 * Jobs whose workers hang or die. What a request does to a worker's native code cannot be seen from here:
 * only that the worker is gone, and who ran there. So that one request costs its neighbours one attempt
 * and not their lives:
 *
 * 1. a worker that hangs or died loses all its jobs at once, and to none of them that counts as a
 *    failure of its own;
 * 2. the most likely cause is suspected. Only jobs that had delivered no token can be it. Preferred are,
 *    in this order: jobs suspected before; shaken jobs; jobs dispatched before the worker fell silent;
 *    jobs the worker never reported on; the job dispatched first;
 * 3. the others are shaken: until one delivers again it runs beside no other shaken one, so that the
 *    next death has one likeliest cause;
 * 4. a suspect waits apart from the lines. It is tried alone: on a worker that nobody uses, or on one
 *    that is loaded for it where there is room, one at a time on a pool; nobody is evicted for it;
 * 5. one that was suspected once and finds no such place stands in line again; one that was suspected
 *    twice ends, as does a second one of the same tenant that waits;
 * 6. one that was suspected twice before, and ends a worker again while it is alone there, ends.
 *
 * A token that is delivered clears it of all this.
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
} from "./workers.ts";

/** A job that was suspected so often is tried alone or not at all. */
const SUSPECTED_TWICE = 2;

/**
 * A worker with streams says something twice a second: who was dispatched later than this after its last
 * word, in ms, came to one that spoke no more.
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
 * A worker hangs or has died: all its jobs move, and one of them may be the cause.
 *
 * @param ended The job whose attempt has ended already, so that nobody has to end it.
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

/** Suspects take the workers that were loaded for them. */
export function seatOnOwn(state: State, now: number, effects: Effect[]): void {
  for (const job of suspects(state)) {
    for (const worker of holdersOf(state, job.fingerprint)) {
      if (!isOwn(worker, job) || !hasSeat(state, worker, now, job)) continue;
      dispatch(state, job, worker, now, effects);
      break;
    }
  }
}

/** Finds a place for each suspect that waits for none, once the lines have taken what they need. */
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
    // What is loaded for others comes first, and may be for it, too.
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

/** Nothing speaks against a job any more: it has delivered. */
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

/** Attempts whose connection to a worker broke before it was known why. */
function brokenOffFrom(state: Readonly<State>, workerId: string): Ran[] {
  const found: Ran[] = [];
  for (const jobs of [state.queued, state.running]) {
    for (const job of jobs.values()) {
      if (job.brokeOff?.workerId === workerId) found.push({ job, ...job.brokeOff });
    }
  }
  return found;
}

/** @param heardAt When the worker said something last. */
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

/** Whether a worker that was asked for to try a job alone is on its way. */
function isOwnComing(state: Readonly<State>, job: Job): boolean {
  if (job.trialRequest === undefined) return false;
  if (state.spawns.has(job.trialRequest)) return true;
  for (const worker of holdersOf(state, job.fingerprint)) if (isOwn(worker, job)) return true;
  return false;
}

/** A worker of the model that has no job, on a pool that tries nothing else. */
function emptySeat(state: Readonly<State>, job: Job, now: number): Worker | undefined {
  const busy = poolsOnTrial(state);
  for (const worker of holdersOf(state, job.fingerprint)) {
    if (worker.jobs.size > 0 || busy.has(worker.poolId)) continue;
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
