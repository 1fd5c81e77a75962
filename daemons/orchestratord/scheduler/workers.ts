/**
 * The workers that pools report, by id and by model, with the jobs that hold their slots.
 *
 * @module
 */
import type { PoolWorker } from "#shared/contracts/mod.ts";
import { inherit } from "./affinity.ts";
import type { Job } from "./job.ts";
import type { Place, State, Worker } from "./state.ts";

/** Updates a worker from its pool's report, or adds it. */
export function seeWorker(state: State, poolId: string, report: PoolWorker, now: number): Worker {
  const id = report.worker_id;
  let worker = state.workers.get(id);
  if (worker && (worker.poolId !== poolId || worker.report.fingerprint !== report.fingerprint)) {
    forgetWorker(state, id);
    worker = undefined;
  }
  const wasHeir = worker?.report.heir_of !== undefined;
  if (!worker) {
    worker = {
      poolId,
      report,
      jobs: new Set(),
      heldElsewhere: 0,
      readySince: undefined,
      lastUsedAt: now,
      served: false,
      keepUntil: undefined,
      isShared: [...state.wishes.values()].some((wish) => wish.fingerprint === report.fingerprint),
      heardAt: -Infinity,
      hangs: false,
      leaving: undefined,
      stoppingSince: undefined,
      stopFailed: false,
      suspectUntil: 0,
    };
    // The pool may have been forgotten before: jobs dispatched to its workers still run there.
    for (const job of state.running.values()) {
      if (job.lease?.workerId === id) worker.jobs.add(job.id);
    }
    state.workers.set(id, worker);
    const holders = state.holders.get(report.fingerprint);
    if (holders) holders.add(worker);
    else state.holders.set(report.fingerprint, new Set([worker]));
  }
  const others = Math.max(0, report.active - worker.jobs.size);
  worker.heldElsewhere = Math.min(worker.heldElsewhere, others);
  if (report.heir_of && !wasHeir) inherit(state, report.heir_of, id);
  worker.report = report;
  if (worker.stopFailed) stay(worker);
  worker.stopFailed = false;
  if (report.state === "ready" && worker.readySince === undefined) {
    worker.readySince = worker.lastUsedAt = now;
  }
  return worker;
}

/** Withdraws the stop of a worker that has not stopped: whether to stop it is decided again from the start. */
export function stay(worker: Worker): void {
  worker.stoppingSince = undefined;
  // It may have been pinned since.
  if (worker.leaving === "idle") worker.leaving = undefined;
}

/** Forgets a worker that has ended or that no pool reports any more. */
export function forgetWorker(state: State, workerId: string): void {
  const worker = state.workers.get(workerId);
  if (!worker) return;
  state.workers.delete(workerId);
  const { fingerprint } = worker.report;
  const holders = state.holders.get(fingerprint);
  holders?.delete(worker);
  if (holders?.size === 0) state.holders.delete(fingerprint);
}

/** Workers that hold a model or are loading it. */
export function holdersOf(state: Readonly<State>, fingerprint: string): Iterable<Worker> {
  return state.holders.get(fingerprint) ?? [];
}

/** Workers that a pool reports. */
export function workersOf(state: Readonly<State>, poolId: string): Worker[] {
  return (state.pools.get(poolId)?.workers ?? [])
    .flatMap(({ worker_id }) => state.workers.get(worker_id) ?? []);
}

/** Whether a pool can be given work. */
export function isInService(state: Readonly<State>, poolId: string): boolean {
  return state.pools.get(poolId)?.available === true && !state.drains.has(poolId);
}

/** Slots of a worker that are in use, by jobs and by calls of an orchestrator that led before. */
export function usedSlots({ jobs, heldElsewhere }: Worker): number {
  return jobs.size + heldElsewhere;
}

/** Whether a worker can take jobs, apart from its free slots. */
export function isUsable(state: Readonly<State>, worker: Worker): boolean {
  const { report, poolId, stoppingSince, hangs, leaving } = worker;
  return report.state === "ready" && report.uri !== undefined && !hangs &&
    stoppingSince === undefined && leaving === undefined && isInService(state, poolId);
}

/** A worker and its pool. */
type Located = Pick<Worker, "report" | "poolId">;

/** Whether a worker holds a place's model there. */
export function isAt({ report, poolId }: Located, place: Place): boolean {
  return report.fingerprint === place.fingerprint &&
    (place.poolId === undefined || place.poolId === poolId) &&
    (place.device === undefined || place.device === report.device);
}

/** Whether a worker is pinned: it is neither evicted for other models nor stopped when idle. */
export function isPinned(state: Readonly<State>, worker: Located): boolean {
  for (const pin of state.pins.values()) if (isAt(worker, pin)) return true;
  return false;
}

/** Whether a worker takes no new jobs, so that another model can have its memory. */
export function isYielding(state: Readonly<State>, worker: Worker): boolean {
  for (const ids of state.swaps.values()) if (ids.has(worker.report.worker_id)) return true;
  const reload = state.reloads.get(worker.poolId);
  if (reload === undefined || reload.from !== worker.report.fingerprint) return false;
  return reload.stage === "retiring" ||
    reload.stage === "loading" && reload.streamsUntil !== undefined;
}

/**
 * Whether a worker can take a job now.
 *
 * @param job If given, whether it can take this job.
 */
export function hasSeat(
  state: Readonly<State>,
  worker: Worker,
  now: number,
  job?: Job,
): boolean {
  return usedSlots(worker) < worker.report.slots && takesJobs(state, worker, now, job);
}

/** The same without a look at its slots. */
export function takesJobs(
  state: Readonly<State>,
  worker: Worker,
  now: number,
  job?: Job,
): boolean {
  return worker.suspectUntil <= now && isUsable(state, worker) && !isYielding(state, worker) &&
    !isQuiet(state, worker, now) && !isForTrial(state, worker, job) &&
    (job === undefined || hasClearCause(state, worker, job));
}

/**
 * Whether the cause would be clear if a worker died with this job on it. Only jobs that have delivered
 * nothing yet count as possible causes. So a shaken job does not start beside another shaken one of them, and a
 * suspect (a job with deaths) does not start beside any of them.
 */
function hasClearCause(state: Readonly<State>, worker: Worker, job: Job): boolean {
  if (!job.isShaken && job.deaths === 0) return true;
  for (const id of worker.jobs) {
    const other = state.running.get(id);
    if (other?.lease?.tokensOut !== 0) continue;
    if (other.isShaken || job.deaths > 0) return false;
  }
  return true;
}

/**
 * How long all streams on a worker have been silent, in ms, counted from the oldest one's dispatch at most.
 * Every stream regularly reports progress; on a worker that hangs, one that was dispatched later is silent,
 * too.
 */
export function silentFor(state: Readonly<State>, worker: Worker, now: number): number {
  let since = Infinity;
  for (const id of worker.jobs) {
    const job = state.running.get(id);
    if (job?.speaks && job.lease) since = Math.min(since, job.lease.since);
  }
  return since === Infinity ? 0 : now - Math.max(since, worker.heardAt);
}

function isQuiet(state: Readonly<State>, worker: Worker, now: number): boolean {
  const { quietMs } = state.policy;
  return now - worker.heardAt > quietMs && silentFor(state, worker, now) > quietMs;
}

/** Whether a worker is kept for a suspect, or runs one that has delivered nothing: no other job goes there. */
function isForTrial(state: Readonly<State>, worker: Worker, job?: Job): boolean {
  for (const id of state.blamed) {
    const lease = state.running.get(id)?.lease;
    if (lease && lease.tokensOut === 0 && worker.jobs.has(id)) return true;
    const waiting = state.queued.get(id);
    if (waiting && waiting !== job && isOwn(worker, waiting)) return true;
  }
  return false;
}

/** Whether a worker was loaded to try a job alone. */
export function isOwn({ report }: Worker, job: Job): boolean {
  return job.trialRequest !== undefined && report.request_id === job.trialRequest;
}

/** Pools on which a suspect is tried, or is about to be. */
export function poolsOnTrial(state: Readonly<State>): Set<string> {
  const pools = new Set<string>();
  for (const id of state.blamed) {
    const lease = state.running.get(id)?.lease;
    if (lease?.tokensOut === 0) pools.add(lease.poolId);
  }
  for (const { trialOf, poolId } of state.spawns.values()) {
    if (trialOf !== undefined) pools.add(poolId);
  }
  for (const id of state.suspects) {
    const job = state.queued.get(id);
    for (const worker of job ? holdersOf(state, job.fingerprint) : []) {
      if (job && isOwn(worker, job)) pools.add(worker.poolId);
    }
  }
  return pools;
}

/**
 * The worker of a model with the most free slots; then the one that reports the fewest active jobs; then
 * the first by id.
 *
 * @param job If given, only workers that can take this job.
 */
export function freeSeat(
  state: Readonly<State>,
  fingerprint: string,
  now: number,
  job?: Job,
): Worker | undefined {
  const holds = job && holdersOfJob(state, job);
  let best: Worker | undefined;
  for (const worker of holdersOf(state, fingerprint)) {
    if (!hasSeat(state, worker, now, job) || best && !isBetter(worker, best)) continue;
    if (!holds || holds(worker)) best = worker;
  }
  return best;
}

/**
 * Returns a test whether a worker's context certainly holds a job, or is the largest of the model's workers:
 * a prompt that a small one might refuse goes to a larger one. A job that has begun elsewhere always goes
 * to a largest one, since its delivered tokens are not counted here.
 */
function holdersOfJob(state: Readonly<State>, job: Job): (worker: Worker) => boolean {
  let largest: number | undefined;
  const largestContext = () => {
    let most = 0;
    for (const worker of holdersOf(state, job.fingerprint)) {
      if (worker.report.context > most && isUsable(state, worker)) most = worker.report.context;
    }
    return most;
  };
  return ({ report: { context } }) =>
    job.attempt === 0 && job.tokensAtMost < context || context >= (largest ??= largestContext());
}

/** The worker that last served a job's session or a prompt with the same beginning, if it may have a slot for it. */
export function warmWorker(state: Readonly<State>, job: Job, now: number): Worker | undefined {
  const holds = holdersOfJob(state, job);
  for (const key of job.affinity) {
    const worker = state.workers.get(state.warm.get(key) ?? "");
    if (worker?.report.fingerprint !== job.fingerprint) continue;
    if (takesJobs(state, worker, now, job) && holds(worker)) return worker;
  }
}

/** The worker with a free slot that last served a job's session, or a prompt with the same beginning. */
export function warmSeat(state: Readonly<State>, job: Job, now: number): Worker | undefined {
  const holds = holdersOfJob(state, job);
  for (const key of job.affinity) {
    const worker = state.workers.get(state.warm.get(key) ?? "");
    if (worker?.report.fingerprint !== job.fingerprint) continue;
    if (hasSeat(state, worker, now, job) && holds(worker)) return worker;
  }
}

function isBetter(a: Worker, b: Worker): boolean {
  const freer = (a.report.slots - usedSlots(a)) - (b.report.slots - usedSlots(b)) ||
    b.report.active - a.report.active;
  return freer !== 0 ? freer > 0 : a.report.worker_id < b.report.worker_id;
}

/** Whether a usable worker holds the model, busy or not. */
export function isLoaded(state: Readonly<State>, fingerprint: string): boolean {
  for (const worker of holdersOf(state, fingerprint)) if (isUsable(state, worker)) return true;
  return false;
}

/** Whether a worker was requested and is not ready, except one to try a job alone. */
export function isLoading(state: Readonly<State>, fingerprint: string): boolean {
  for (const spawn of state.spawns.values()) {
    if (spawn.fingerprint === fingerprint && spawn.trialOf === undefined) return true;
  }
  return false;
}

/** Whether some worker holds the model or is loading it, except one to try a job alone. */
export function isLoadedOrLoading(state: Readonly<State>, fingerprint: string): boolean {
  if (isLoading(state, fingerprint)) return true;
  for (const worker of holdersOf(state, fingerprint)) {
    if (isStaying(state, worker) && !isForTrial(state, worker) && !isTrialSpawn(state, worker)) {
      return true;
    }
  }
  return false;
}

function isTrialSpawn(state: Readonly<State>, { report }: Worker): boolean {
  return state.spawns.get(report.request_id)?.trialOf !== undefined;
}

/** Whether a worker is ready or starting, and not leaving or stopping. */
export function isStaying(state: Readonly<State>, worker: Worker): boolean {
  const { report, poolId, stoppingSince, hangs, leaving } = worker;
  if (hangs || leaving !== undefined || stoppingSince !== undefined) return false;
  if (!isInService(state, poolId)) return false;
  return report.state !== "draining" && report.state !== "stopping";
}
