/**
 * The waiting jobs: by model, then class, then tenant, each tenant's oldest first. The next job is found
 * by looking at only the first job of each tenant.
 *
 * @module
 */
import { costOf, costSoFar } from "./fairness.ts";
import type { Job } from "./job.ts";
import type { Line, State } from "./state.ts";

/** Adds a new job, which is the newest of all. */
export function enqueue(state: State, job: Job): void {
  state.queued.set(job.id, job);
  if (isHeldBack(state, job)) state.held.add(job.id);
  else if (job.deaths > 0) state.suspects.add(job.id);
  else lineOf(state, job).set(job.id, job);
}

/** Whether a job is stored while the database takes no writes; see `storage.ts`. */
export function isHeldBack(state: Readonly<State>, job: Job): boolean {
  return job.isStored && !state.isStorageWritable;
}

/** Puts back a job that lost its worker: once its pause is over, ahead of all jobs that came after it. */
export function putBack(state: State, job: Job, now: number): void {
  state.queued.set(job.id, job);
  if (job.notBefore > now) state.paused.add(job.id);
  else if (isHeldBack(state, job)) state.held.add(job.id);
  else if (job.deaths > 0) state.suspects.add(job.id);
  else standInLine(state, job);
}

/** Puts a job into its line, ahead of all jobs that came after it. */
export function standInLine(state: State, job: Job): void {
  state.suspects.delete(job.id);
  const line = lineOf(state, job);
  const later = [...line.values()].filter((other) => other.queuedAt > job.queuedAt);
  for (const other of later) line.delete(other.id);
  line.set(job.id, job);
  for (const other of later) line.set(other.id, other);
}

/** Takes a job out of the queue; false when it does not wait. */
export function dequeue(state: State, job: Job): boolean {
  if (!state.queued.delete(job.id)) return false;
  for (const aside of [state.paused, state.suspects, state.held]) {
    if (aside.delete(job.id)) return true;
  }
  const lines = state.lines.get(job.fingerprint);
  const line = lines?.[job.priority];
  const own = line?.get(job.tenant);
  own?.delete(job.id);
  if (own?.size === 0) line?.delete(job.tenant);
  if (lines?.interactive.size === 0 && lines.batch.size === 0) {
    state.lines.delete(job.fingerprint);
  }
  return true;
}

/** Brings back the jobs whose pause is over. */
export function resume(state: State, now: number): void {
  for (const id of state.paused) {
    const job = state.queued.get(id);
    if (job && job.notBefore > now) continue;
    state.paused.delete(id);
    if (job) putBack(state, job, now);
  }
}

/**
 * The job of a model that is served next, apart from some: interactive jobs before batch jobs, where a batch
 * job that has waited long enough counts as interactive; then the tenant with the lowest cost; then the oldest
 * job.
 */
export function nextJob(
  state: Readonly<State>,
  fingerprint: string,
  now: number,
  apart: ReadonlySet<string> = NONE,
): Job | undefined {
  const lines = state.lines.get(fingerprint);
  if (!lines) return undefined;
  const { interactive, batch } = lines;
  let best: Job | undefined;
  for (const own of interactive.values()) best = better(state, best, firstOf(own, apart));
  for (const own of batch.values()) {
    const first = firstOf(own, apart);
    if (first && isUrgent(state, first, now)) best = better(state, best, first);
  }
  if (best) return best;
  for (const own of batch.values()) best = better(state, best, firstOf(own, apart));
  return best;
}

const NONE: ReadonlySet<string> = new Set();

/** How many jobs of a model wait for a slot. */
export function waitingCount(state: Readonly<State>, fingerprint: string): number {
  const lines = state.lines.get(fingerprint);
  let count = 0;
  for (const line of lines ? [lines.interactive, lines.batch] : []) {
    for (const own of line.values()) count += own.size;
  }
  return count;
}

/**
 * Since when the longest waiting job of a model that counts as interactive has been waiting; undefined
 * while only batch jobs wait.
 */
export function urgentSince(
  state: Readonly<State>,
  fingerprint: string,
  now: number,
): number | undefined {
  const lines = state.lines.get(fingerprint);
  let since = Infinity;
  for (const line of lines ? [lines.interactive, lines.batch] : []) {
    for (const own of line.values()) {
      const first = firstOf(own);
      if (first && first.waitingSince < since && isUrgent(state, first, now)) {
        since = first.waitingSince;
      }
    }
  }
  return since === Infinity ? undefined : since;
}

/** Whether a job counts as interactive: a batch job does once it has waited long enough. */
export function isUrgent(
  state: Readonly<State>,
  job: Pick<Job, "priority" | "queuedAt">,
  now: number,
): boolean {
  return job.priority === "interactive" || now - job.queuedAt > state.policy.batchPromoteMs;
}

/** Waiting jobs in about the order in which they will be served; those that pause come last. */
export function queueOrder(state: Readonly<State>, now: number): Job[] {
  const ranked: { job: Job; rank: readonly [number, number, number] }[] = [];
  for (const { interactive, batch } of state.lines.values()) {
    for (const line of [interactive, batch]) {
      for (const [tenant, jobs] of line) {
        let cost = costSoFar(state, tenant);
        for (const job of jobs.values()) {
          ranked.push({ job, rank: [isUrgent(state, job, now) ? 0 : 1, cost, job.queuedAt] });
          cost += costOf(job.tokensIn, 1);
        }
      }
    }
  }
  for (const id of [...state.suspects, ...state.paused, ...state.held]) {
    const job = state.queued.get(id);
    if (job) ranked.push({ job, rank: [2, job.notBefore, job.queuedAt] });
  }
  return ranked.sort(({ rank: a }, { rank: b }) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])
    .map(({ job }) => job);
}

function better(
  state: Readonly<State>,
  best: Job | undefined,
  other: Job | undefined,
): Job | undefined {
  if (!best || !other) return best ?? other;
  const ahead = costSoFar(state, other.tenant) - costSoFar(state, best.tenant) ||
    other.queuedAt - best.queuedAt;
  return ahead < 0 ? other : best;
}

function firstOf(
  jobs: ReadonlyMap<string, Job>,
  apart: ReadonlySet<string> = NONE,
): Job | undefined {
  for (const job of jobs.values()) if (!apart.has(job.id)) return job;
  return undefined;
}

function lineOf(state: State, job: Job): Map<string, Job> {
  let lines = state.lines.get(job.fingerprint);
  if (!lines) {
    lines = { interactive: new Map(), batch: new Map() };
    state.lines.set(job.fingerprint, lines);
  }
  const line: Line = lines[job.priority];
  let own = line.get(job.tenant);
  if (!own) line.set(job.tenant, own = new Map());
  return own;
}
