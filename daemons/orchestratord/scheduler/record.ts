/**
 * Writes into the state what has happened. The only decision made here is that a job whose worker has
 * ended waits again.
 *
 * @module
 */
import type { WorkerExit } from "#shared/contracts/mod.ts";
import { forgetPromises, promise } from "./capacity.ts";
import { drainPool } from "./drain.ts";
import { catchUp, forgetIdleTenants } from "./fairness.ts";
import { admit, backoff, endAttempt, endJob } from "./jobs.ts";
import { noteMissing } from "./missing.ts";
import { measureFirstToken, measureLoad, measureReading, measureServed } from "./rates.ts";
import { beginReload } from "./reload.ts";
import { giveUp, preloadAgain, preloadAll, preloadFrom, unload } from "./residency.ts";
import type { Job } from "./job.ts";
import {
  breakerKey,
  type Effect,
  type Input,
  placeKey,
  type Pool,
  type PoolReport,
  type State,
} from "./state.ts";
import { setStorage, yieldSlot } from "./storage.ts";
import { clear, loseAll } from "./suspects.ts";
import { forgetWorker, seeWorker, silentFor, stay } from "./workers.ts";

/** Writes one input into the state. */
export function record(state: State, input: Input, now: number, effects: Effect[]): void {
  switch (input.kind) {
    case "submit":
      state.promised.get(input.job.tenant)?.keep(now);
      return admit(state, input.job, now);
    case "turned_away":
      return promise(state, input.tenant, input.retryAfterMs, now);
    case "cancel":
      return endJob(state, input.jobId, input.error, now, effects);
    case "pool_seen":
      return recordPool(state, input.pool, now, effects);
    case "pool_left":
      return forgetPool(state, input.poolId);
    case "load":
      state.wishes.set(placeKey(input.place), { ...input.place, isPreload: false });
      return;
    case "unload":
      return unload(state, input.place);
    case "pin":
      state.pins.set(placeKey(input.pin), input.pin);
      return;
    case "unpin":
      state.pins.delete(placeKey(input.place));
      return;
    case "drain_pool":
      return drainPool(state, input.poolId, input.until);
    case "undrain_pool":
      state.drains.delete(input.poolId);
      return;
    case "reload_pool":
      return beginReload(state, input.reload, now);
    case "policy":
      state.policy = input.policy;
      state.overdueFrom = state.replicasFrom = -Infinity;
      state.replicaLookFrom.clear();
      return preloadAll(state);
    case "drain":
      state.draining = true;
      return;
    case "storage":
      return setStorage(state, input.isWritable, now);
    case "unwritten":
      return yieldSlot(state, input.jobId, input.attempt, now, effects);
    case "history": {
      const { fingerprint, served: { tokensIn, firstTokenMs } } = input;
      if (firstTokenMs !== undefined) measureFirstToken(state, fingerprint, tokensIn, firstTokenMs);
      return measureServed(state, fingerprint, input.served);
    }
    case "spawn_accepted": {
      const spawn = state.spawns.get(input.requestId);
      if (spawn) spawn.workerId = input.workerId;
      return;
    }
    case "stop_failed": {
      const worker = state.workers.get(input.workerId);
      if (worker) worker.stopFailed = worker.stoppingSince !== undefined;
      return;
    }
    case "spawn_failed":
      return failSpawn(state, input.requestId, input.message, now, effects);
    case "slots_held":
      for (const [id, slots] of input.slots) {
        const worker = state.workers.get(id);
        if (worker) worker.heldElsewhere += slots;
      }
      return;
    case "heard": {
      const job = state.running.get(input.jobId);
      if (job?.attempt !== input.attempt || !job.lease) return;
      const { tokensRead } = input;
      if (tokensRead !== undefined) job.lease.begun ??= { at: now, tokensRead };
      return hear(state, job, now);
    }
    case "progress":
      return recordProgress(state, input, now);
    case "attempt_ended":
      return recordEnd(state, input, now, effects);
    case "tick":
      return recordTime(state, now, effects);
  }
}

function recordProgress(
  state: State,
  input: Extract<Input, { kind: "progress" }>,
  now: number,
): void {
  const job = state.running.get(input.jobId);
  if (job?.attempt !== input.attempt || !job.lease) return;
  const { lease } = job;
  if (lease.firstTokenAt === undefined) {
    lease.firstTokenAt = now;
    measureFirstToken(state, job.fingerprint, job.tokensIn, now - lease.since);
    const { begun } = lease;
    if (begun) measureReading(state, job.fingerprint, begun.tokensRead, now - begun.at);
  }
  lease.tokensOut = input.tokensOut;
  lease.progressAt = now;
  job.isTied = input.isTied === true;
  job.hasFallback = false;
  hear(state, job, now);
  job.failures = 0;
  clear(state, job);
  state.breakers.delete(breakerKey(lease.poolId, job.fingerprint));
  catchUp(state, job);
}

/** Notes that a job's worker has reported something. */
function hear(state: State, { lease }: Job, now: number): void {
  if (!lease) return;
  lease.isHeard = true;
  const worker = state.workers.get(lease.workerId);
  if (worker) worker.heardAt = now;
}

/**
 * A worker hangs if one stream has reached its bound on silence and all others on it have been silent for
 * this share of that bound.
 */
const SILENT_TOO = 2 / 3;

function recordEnd(
  state: State,
  { jobId, attempt, tokensOut, outcome }: Extract<Input, { kind: "attempt_ended" }>,
  now: number,
  effects: Effect[],
): void {
  const job = state.running.get(jobId);
  if (job?.attempt !== attempt || !job.lease) return;
  if (tokensOut > job.lease.tokensOut) clear(state, job);
  job.lease.tokensOut = tokensOut;
  const worker = state.workers.get(job.lease.workerId);
  const silentMs = outcome.kind === "lost" ? outcome.silentMs : undefined;
  if (
    worker && silentMs !== undefined && silentFor(state, worker, now) >= silentMs * SILENT_TOO
  ) {
    worker.hangs = true;
    return loseAll(state, worker, "the worker hangs", now, effects, job);
  }
  const isAnswer = outcome.kind !== "lost" || silentMs === undefined && !outcome.brokeOff;
  if (isAnswer) hear(state, job, now);
  endAttempt(state, job, outcome, now, effects);
}

function recordPool(state: State, report: PoolReport, now: number, effects: Effect[]): void {
  const before = state.pools.get(report.id);
  // The pool manager was restarted, perhaps with a repaired worker.
  if (before !== undefined && before.instanceId !== report.instanceId) {
    closeBreakers(state, report.id);
  }
  const { exits, models, unusable, ...rest } = report;
  const pool: Pool = {
    ...rest,
    models: models ?? before?.models ?? [],
    unusable: models ? unusable ?? [] : before?.unusable ?? [],
    lastSeenAt: now,
    available: true,
  };
  state.pools.set(report.id, pool);
  // Most heartbeats leave the models out, because they have not changed.
  if (models) {
    preloadFrom(state, pool, before);
    noteMissing(state, pool, before, now);
  }
  const byRequest = new Map(
    report.workers.map((worker) => [worker.request_id, seeWorker(state, report.id, worker, now)]),
  );
  const exited = new Map(exits.map((exit) => [exit.worker_id, exit]));
  for (const spawn of [...state.spawns.values()]) {
    if (spawn.poolId !== report.id) continue;
    const worker = byRequest.get(spawn.requestId);
    if (worker && spawn.isCancelled) worker.leaving ??= "unload";
    if (worker?.report.state === "ready") {
      state.spawns.delete(spawn.requestId);
      const tookMs = now - spawn.startedAt;
      measureLoad(state, spawn, tookMs);
      effects.push({ kind: "loaded", spawn, tookMs });
    } else if (spawn.workerId !== undefined && exited.has(spawn.workerId)) {
      const { detail, is_final } = exited.get(spawn.workerId)!;
      const message = detail ?? "the worker ended before it was ready";
      failSpawn(state, spawn.requestId, message, now, effects, is_final);
    }
  }
  const reported = new Set(report.workers.map((worker) => worker.worker_id));
  const endings = new Map(exits.map((exit) => [exit.worker_id, exit.category ?? "crash"]));
  for (const { worker_id } of before?.workers ?? []) {
    if (!reported.has(worker_id)) {
      loseWorker(state, worker_id, endings.get(worker_id) ?? "stop", now, effects);
    }
  }
}

/**
 * A worker is no longer reported: it has ended, and the attempts on it are lost. If it was not stopped on
 * purpose, one of them may be the reason.
 */
function loseWorker(
  state: State,
  workerId: string,
  ending: WorkerExit["category"],
  now: number,
  effects: Effect[],
): void {
  const worker = state.workers.get(workerId);
  if (!worker) return;
  const isDeath = ending !== "stop" && worker.stoppingSince === undefined;
  if (isDeath) loseAll(state, worker, "worker exited", now, effects);
  const jobs = [...worker.jobs];
  forgetWorker(state, workerId);
  preloadAgain(state, worker);
  for (const jobId of jobs) {
    const job = state.running.get(jobId);
    if (!job) continue;
    effects.push({ kind: "abort", jobId, attempt: job.attempt, reason: "worker exited" });
    endAttempt(state, job, { kind: "lost", message: "the worker exited" }, now, effects);
  }
}

/** Writes down what time alone changes: silent pools, stops without effect, and spawns that took too long. */
function recordTime(state: State, now: number, effects: Effect[]): void {
  forgetIdleTenants(state);
  forgetPromises(state, now);
  for (const pool of [...state.pools.values()]) {
    const silent = now - pool.lastSeenAt;
    const { poolTimeoutMs, poolForgetMs } = state.policy;
    // A pool may be allowed to be silent for longer than it takes to forget one.
    if (silent > Math.max(poolTimeoutMs, poolForgetMs)) forgetPool(state, pool.id);
    else if (pool.available && silent > poolTimeoutMs) {
      state.pools.set(pool.id, { ...pool, available: false });
      effects.push({ kind: "pool_lost", poolId: pool.id });
    }
  }
  for (const worker of state.workers.values()) {
    if (now - (worker.stoppingSince ?? now) > state.policy.stopTimeoutMs) {
      stay(worker);
    }
  }
  for (const spawn of [...state.spawns.values()]) {
    if (now - spawn.startedAt > state.policy.spawnTimeoutMs) {
      failSpawn(state, spawn.requestId, "the worker was not ready in time", now, effects);
    }
  }
}

/** Forgets a pool. Attempts on its workers go on: their streams may be alive, and report if they break. */
function forgetPool(state: State, poolId: string): void {
  const pool = state.pools.get(poolId);
  if (!pool) return;
  state.pools.delete(poolId);
  for (const { worker_id } of pool.workers) {
    const worker = state.workers.get(worker_id);
    forgetWorker(state, worker_id);
    if (worker) preloadAgain(state, worker);
  }
  for (const spawn of [...state.spawns.values()]) {
    if (spawn.poolId === poolId) state.spawns.delete(spawn.requestId);
  }
  closeBreakers(state, poolId);
}

function closeBreakers(state: State, poolId: string): void {
  for (const key of [...state.breakers.keys()]) {
    if (key.startsWith(`${poolId} `)) state.breakers.delete(key);
  }
}

/**
 * Records a failed start. The first failure is tried again at once, then with doubling pauses. One that is
 * final, because every try would fail the same way, opens the breaker at once.
 */
function failSpawn(
  state: State,
  requestId: string,
  message: string,
  now: number,
  effects: Effect[],
  isFinal = false,
): void {
  const spawn = state.spawns.get(requestId);
  if (!spawn) return;
  state.spawns.delete(requestId);
  if (spawn.isCancelled) return;
  const { breakerFailures, breakerOpenMs } = state.policy;
  const key = breakerKey(spawn.poolId, spawn.fingerprint);
  const counted = (state.breakers.get(key)?.failures ?? 0) + 1;
  const isOpen = isFinal || counted >= breakerFailures;
  const retryAt = now + (isOpen ? breakerOpenMs : backoff(state, counted));
  state.breakers.set(key, { failures: counted, retryAt, lastError: message, isFinal });
  effects.push({ kind: "load_failed", spawn, message, failures: counted, retryAt });
  if (isOpen) giveUp(state, spawn.fingerprint);
}
