/**
 * How jobs move: from the queue to a slot, from a slot back or away, and to their end.
 *
 * @module
 */
import { backoffMs } from "#shared/backoff.ts";
import { remember } from "./affinity.ts";
import { charge, join, leave, settle } from "./fairness.ts";
import { dequeue, enqueue, putBack } from "./queue.ts";
import { measureServed } from "./rates.ts";
import type { Job } from "./job.ts";
import type { Effect, JobError, NewJob, Outcome, State, Worker } from "./state.ts";
import { isPinned } from "./workers.ts";

/** Queues a new job, or one that the store still holds after a restart. */
export function admit(state: State, job: NewJob, now: number): void {
  join(state, job.tenant);
  if (job.deaths > 0) state.blamed.add(job.id);
  state.overdueFrom = Math.min(state.overdueFrom, job.deadlineAt ?? Infinity);
  enqueue(state, {
    hasFallback: false,
    keepMs: undefined,
    delivered: 0,
    yields: 0,
    isTied: false,
    ...job,
    waitingSince: now,
    failures: 0,
    notBefore: 0,
    isShaken: false,
    brokeOff: undefined,
    trialRequest: undefined,
    lease: undefined,
  });
}

/** Gives a waiting job a slot and starts its next attempt. */
export function dispatch(
  state: State,
  job: Job,
  worker: Worker,
  now: number,
  effects: Effect[],
): void {
  const workerId = worker.report.worker_id;
  dequeue(state, job);
  state.running.set(job.id, job);
  worker.jobs.add(job.id);
  worker.lastUsedAt = now;
  worker.served = true;
  if (job.keepMs === undefined) worker.isShared = true;
  job.trialRequest = undefined;
  job.attempt++;
  job.lease = {
    ...{ poolId: worker.poolId, workerId, since: now, tokensOut: 0, isHeard: false },
    ...{ firstTokenAt: undefined, progressAt: now, begun: undefined },
    charged: charge(state, job),
    had: 0,
  };
  remember(state, job.affinity, workerId);
  effects.push({
    kind: "dispatch",
    jobId: job.id,
    attempt: job.attempt,
    poolId: worker.poolId,
    worker: worker.report,
  });
}

/** Ends an attempt. A job whose attempt was lost waits again, unless it has failed too often. */
export function endAttempt(
  state: State,
  job: Job,
  outcome: Outcome,
  now: number,
  effects: Effect[],
): void {
  const { lease } = job;
  if (outcome.kind === "done" && lease) {
    const { since, firstTokenAt, tokensOut } = lease;
    const { tokensIn, maxTokens = Infinity, delivered, speaks } = job;
    const answerTokens = delivered + tokensOut;
    measureServed(state, job.fingerprint, {
      ...{ serviceMs: now - since, tokensIn, tokensOut, answerTokens, speaks },
      firstTokenMs: firstTokenAt && firstTokenAt - since,
      isCut: answerTokens >= maxTokens,
    });
  }
  release(state, job, now);
  if (outcome.kind !== "lost") return end(state, job);

  const worker = lease && state.workers.get(lease.workerId);
  if (worker) worker.suspectUntil = now + state.policy.backoffFirstMs;
  if (worker && lease && outcome.brokeOff) {
    const { workerId, since, tokensOut, isHeard } = lease;
    const delivered = tokensOut > 0;
    job.brokeOff = { workerId, attempt: job.attempt, since, delivered, isHeard };
  }
  job.failures++;
  if (job.failures >= state.policy.maxAttempts) {
    const message = `The job failed ${job.failures} times in a row: ${outcome.message}`;
    effects.push({ kind: "fail", jobId: job.id, error: { code: "WORKER_LOST", message } });
    return end(state, job);
  }
  job.notBefore = now + backoff(state, job.failures);
  if (job.brokeOff?.delivered === false) {
    // It may have ended the worker. Wait for the pool's report before it can end another one.
    job.notBefore = Math.max(job.notBefore, now + state.policy.backoffFirstMs);
  }
  job.waitingSince = now;
  putBack(state, job, now);
}

/** Takes a running job from a healthy worker; it continues on another one, or there again. */
export function handOver(
  state: State,
  job: Job,
  reason: string,
  now: number,
  effects: Effect[],
  how: { readonly yields?: true } = {},
): void {
  effects.push({ kind: "abort", jobId: job.id, attempt: job.attempt, reason, ...how });
  release(state, job, now);
  job.waitingSince = now;
  putBack(state, job, now);
}

/** Ends a waiting or running job with an error; does nothing if there is no such job. */
export function endJob(
  state: State,
  jobId: string,
  error: JobError,
  now: number,
  effects: Effect[],
): void {
  const job = state.running.get(jobId) ?? state.queued.get(jobId);
  if (!job) return;
  if (job.lease) {
    effects.push({ kind: "abort", jobId, attempt: job.attempt, reason: error.message });
    release(state, job, now);
  } else dequeue(state, job);
  end(state, job);
  effects.push({ kind: "fail", jobId, error });
}

/** Pause before the next try, in ms: none after the first failure, then doubling up to its bound. */
export function backoff({ policy }: State, failures: number): number {
  return backoffMs(failures - 1, { firstMs: policy.backoffFirstMs, maxMs: policy.backoffMaxMs });
}

function end(state: State, job: Job): void {
  state.blamed.delete(job.id);
  leave(state, job.tenant);
}

/** Gives a job's slot back. */
export function release(state: State, job: Job, now: number): void {
  settle(state, job);
  job.delivered += job.lease?.tokensOut ?? 0;
  state.running.delete(job.id);
  const worker = job.lease && state.workers.get(job.lease.workerId);
  if (worker) {
    worker.jobs.delete(job.id);
    worker.lastUsedAt = now;
    if (job.keepMs !== undefined) {
      worker.keepUntil = Math.max(worker.keepUntil ?? 0, now + job.keepMs);
    }
    if (job.keepMs === 0 && !isPinned(state, worker)) worker.leaving = "unload";
  }
  job.lease = undefined;
}
