/**
 * The scheduler: `step(state, input, now) → { state, effects }`.
 *
 * It is deterministic and does no I/O. The state is moved, not copied: the one loop that owns it
 * hands it in and gets it back (docs/adr/0003-pure-scheduler.md). After every input:
 *
 * 1. facts are written into the state;
 * 2. jobs past their deadline or queue timeout end;
 * 3. every queued job, interactive before batch and oldest first, takes the best free seat of its
 *    model;
 * 4. for each model that waits and that nobody holds or loads, one load is planned.
 *
 * @module
 */
import { LlorchError } from "#shared/errors.ts";
import type { PoolModel } from "#shared/contracts/mod.ts";
import { isLoaded, isLoadedOrLoading, planLoad, seats } from "./placement.ts";
import {
  breakerKey,
  type Effect,
  type Input,
  type Job,
  type JobError,
  leases,
  type Outcome,
  type Pool,
  type PoolReport,
  type State,
} from "./state.ts";

/** Weight of the newest value in a moving average. */
const RATE_WEIGHT = 0.2;

/** Applies one input. */
export function step(
  state: State,
  input: Input,
  now: number,
): { readonly state: State; readonly effects: readonly Effect[] } {
  const effects: Effect[] = [];
  record(state, input, now, effects);
  endOverdue(state, now, effects);
  const waiting = seatQueued(state, now, effects);
  loadWaiting(state, waiting, now, effects);
  return { state, effects };
}

/**
 * Whether one more job may wait.
 *
 * @throws {LlorchError} `QUEUE_FULL` with the time after which a place should be free.
 */
export function checkCapacity(state: State): void {
  if (state.queued.size < state.policy.queueCapacity) return;
  throw new LlorchError(
    "QUEUE_FULL",
    `Cannot queue another job: ${state.queued.size} of ${state.policy.queueCapacity} places are taken`,
    { retryAfterMs: Math.max(1000, Math.round(state.rates.serviceMs ?? 1000)) },
  );
}

function record(state: State, input: Input, now: number, effects: Effect[]): void {
  switch (input.kind) {
    case "submit": {
      const job: Job = {
        ...input.job,
        waitingSince: now,
        failures: 0,
        notBefore: 0,
        lease: undefined,
      };
      state.queued.set(job.id, job);
      return;
    }
    case "cancel":
      return endJob(state, input.jobId, input.error, effects);
    case "pool_seen":
      return recordPool(state, input.pool, now, effects);
    case "pool_left":
      return forgetPool(state, input.poolId);
    case "load":
      state.wanted.add(input.fingerprint);
      return;
    case "spawn_accepted": {
      const spawn = state.spawns.get(input.requestId);
      if (spawn) spawn.workerId = input.workerId;
      return;
    }
    case "spawn_failed":
      return failSpawn(state, input.requestId, input.message, now);
    case "progress": {
      const job = state.running.get(input.jobId);
      if (job?.attempt !== input.attempt) return;
      job.failures = 0;
      if (job.lease) state.breakers.delete(breakerKey(job.lease.poolId, job.fingerprint));
      return;
    }
    case "attempt_ended": {
      const job = state.running.get(input.jobId);
      if (job?.attempt === input.attempt) endAttempt(state, job, input.outcome, now, effects);
      return;
    }
    case "tick":
      return recordTime(state, now, effects);
  }
}

function recordPool(state: State, report: PoolReport, now: number, effects: Effect[]): void {
  const before = state.pools.get(report.id);
  const { exits, models, ...rest } = report;
  state.pools.set(report.id, {
    ...rest,
    models: models ?? before?.models ?? [],
    lastSeenAt: now,
    available: true,
  });
  const reported = new Set(report.workers.map((worker) => worker.worker_id));
  const exited = new Map(exits.map((exit) => [exit.worker_id, exit.detail]));

  for (const spawn of [...state.spawns.values()]) {
    if (spawn.poolId !== report.id) continue;
    const worker = report.workers.find((each) => each.request_id === spawn.requestId);
    if (worker?.state === "ready") {
      state.spawns.delete(spawn.requestId);
      state.wanted.delete(spawn.fingerprint);
      state.lastUsed.set(worker.worker_id, now);
      state.rates.loadMs = average(state.rates.loadMs, now - spawn.startedAt);
    } else if (spawn.workerId !== undefined && exited.has(spawn.workerId)) {
      const detail = exited.get(spawn.workerId) ?? "the worker ended before it was ready";
      failSpawn(state, spawn.requestId, detail, now);
    }
  }
  for (const job of [...state.running.values()]) {
    const { lease } = job;
    if (lease?.poolId !== report.id || reported.has(lease.workerId)) continue;
    effects.push({ kind: "abort", jobId: job.id, attempt: job.attempt, reason: "worker exited" });
    endAttempt(state, job, { kind: "lost", message: "the worker exited" }, now, effects);
  }
  for (const worker of before?.workers ?? []) {
    if (reported.has(worker.worker_id)) continue;
    forgetWorker(state, worker.worker_id);
  }
}

function forgetWorker(state: State, workerId: string): void {
  state.stopping.delete(workerId);
  state.suspects.delete(workerId);
  state.lastUsed.delete(workerId);
}

function forgetPool(state: State, poolId: string): void {
  const pool = state.pools.get(poolId);
  if (!pool) return;
  state.pools.delete(poolId);
  for (const spawn of [...state.spawns.values()]) {
    if (spawn.poolId === poolId) state.spawns.delete(spawn.requestId);
  }
  for (const key of [...state.breakers.keys()]) {
    if (key.startsWith(`${poolId} `)) state.breakers.delete(key);
  }
  for (const worker of pool.workers) forgetWorker(state, worker.worker_id);
}

/** What the passing of time alone changes: silent pools and spawns that never came. */
function recordTime(state: State, now: number, effects: Effect[]): void {
  for (const pool of [...state.pools.values()]) {
    const silent = now - pool.lastSeenAt;
    if (silent > state.policy.poolForgetMs) forgetPool(state, pool.id);
    else if (pool.available && silent > state.policy.poolTimeoutMs) {
      state.pools.set(pool.id, { ...pool, available: false });
      effects.push({ kind: "pool_lost", poolId: pool.id });
    }
  }
  for (const spawn of [...state.spawns.values()]) {
    if (now - spawn.startedAt > state.policy.spawnTimeoutMs) {
      failSpawn(state, spawn.requestId, "the worker was not ready in time", now);
    }
  }
}

/** One more failure to start: the first is tried again at once, then with doubling pauses. */
function failSpawn(state: State, requestId: string, message: string, now: number): void {
  const spawn = state.spawns.get(requestId);
  if (!spawn) return;
  state.spawns.delete(requestId);
  const { breakerFailures, breakerOpenMs } = state.policy;
  const key = breakerKey(spawn.poolId, spawn.fingerprint);
  const failures = (state.breakers.get(key)?.failures ?? 0) + 1;
  const pause = failures >= breakerFailures ? breakerOpenMs : backoff(state, failures);
  state.breakers.set(key, { failures, retryAt: now + pause, lastError: message });
  if (failures >= breakerFailures) state.wanted.delete(spawn.fingerprint);
}

function endAttempt(
  state: State,
  job: Job,
  outcome: Outcome,
  now: number,
  effects: Effect[],
): void {
  const { lease } = job;
  state.running.delete(job.id);
  job.lease = undefined;
  if (lease) state.lastUsed.set(lease.workerId, now);
  if (outcome.kind === "done" && lease) {
    state.rates.serviceMs = average(state.rates.serviceMs, now - lease.since);
  }
  if (outcome.kind !== "lost") return;

  if (lease) state.suspects.set(lease.workerId, now + state.policy.backoffFirstMs);
  job.failures++;
  if (job.failures >= state.policy.maxAttempts) {
    const message = `The job failed ${job.failures} times in a row: ${outcome.message}`;
    effects.push({ kind: "fail", jobId: job.id, error: { code: "WORKER_LOST", message } });
    return;
  }
  job.notBefore = now + backoff(state, job.failures);
  job.waitingSince = now;
  requeue(state, job);
}

/** The first try again comes at once, then the pause doubles up to its bound. */
function backoff(state: State, failures: number): number {
  if (failures <= 1) return 0;
  const { backoffFirstMs, backoffMaxMs } = state.policy;
  return Math.min(backoffMaxMs, backoffFirstMs * 2 ** (failures - 2));
}

/** Puts a job back where it stood: ahead of all that came after it. */
function requeue(state: State, job: Job): void {
  const later = [...state.queued.values()].filter((other) => other.queuedAt > job.queuedAt);
  for (const other of later) state.queued.delete(other.id);
  state.queued.set(job.id, job);
  for (const other of later) state.queued.set(other.id, other);
}

function endJob(state: State, jobId: string, error: JobError, effects: Effect[]): void {
  const running = state.running.get(jobId);
  if (running) {
    state.running.delete(jobId);
    effects.push({ kind: "abort", jobId, attempt: running.attempt, reason: error.message });
  }
  if (running || state.queued.delete(jobId)) effects.push({ kind: "fail", jobId, error });
}

function endOverdue(state: State, now: number, effects: Effect[]): void {
  for (const job of [...state.queued.values(), ...state.running.values()]) {
    if (job.deadlineAt !== undefined && now >= job.deadlineAt) {
      const message = "The job did not end before its deadline";
      endJob(state, job.id, { code: "DEADLINE_UNMET", message }, effects);
    }
  }
  for (const job of [...state.queued.values()]) {
    if (now - job.waitingSince <= state.policy.queueTimeoutMs) continue;
    const message = `The job waited longer than ${state.policy.queueTimeoutMs} ms for a worker`;
    endJob(state, job.id, { code: "QUEUE_TIMEOUT", message }, effects);
  }
}

/** Jobs in the order in which they are served. */
export function queueOrder(state: State, now: number): Job[] {
  const isUrgent = (job: Job) =>
    job.priority === "interactive" || now - job.queuedAt > state.policy.batchPromoteMs;
  const jobs = [...state.queued.values()];
  return [...jobs.filter(isUrgent), ...jobs.filter((job) => !isUrgent(job))];
}

/** Seats what can be seated; gives the models for which a job still waits. */
function seatQueued(state: State, now: number, effects: Effect[]): Set<string> {
  const waiting = new Set<string>();
  if (state.queued.size === 0) return waiting;
  const held = leases(state);
  for (const job of queueOrder(state, now)) {
    if (waiting.has(job.fingerprint) || job.notBefore > now) continue;
    const seat = seats(state, job.fingerprint, held, now)[0];
    if (!seat) {
      waiting.add(job.fingerprint);
      continue;
    }
    const workerId = seat.worker.worker_id;
    held.set(workerId, (held.get(workerId) ?? 0) + 1);
    state.queued.delete(job.id);
    state.running.set(job.id, job);
    state.lastUsed.set(workerId, now);
    job.attempt++;
    job.lease = { poolId: seat.poolId, workerId, since: now };
    effects.push({
      kind: "dispatch",
      jobId: job.id,
      attempt: job.attempt,
      poolId: seat.poolId,
      worker: seat.worker,
    });
  }
  return waiting;
}

function loadWaiting(
  state: State,
  waiting: ReadonlySet<string>,
  now: number,
  effects: Effect[],
): void {
  for (const fingerprint of new Set([...waiting, ...state.wanted])) {
    if (isLoaded(state, fingerprint)) state.wanted.delete(fingerprint);
    if (isLoadedOrLoading(state, fingerprint)) continue;
    const plan = planLoad(state, fingerprint, now);
    switch (plan.kind) {
      case "wait":
        break;
      case "impossible":
        state.wanted.delete(fingerprint);
        for (const job of [...state.queued.values()]) {
          if (job.fingerprint === fingerprint) endJob(state, job.id, plan, effects);
        }
        break;
      case "evict":
        for (const { pool, worker } of plan.victims) {
          state.stopping.add(worker.worker_id);
          effects.push({
            kind: "stop_worker",
            poolId: pool.id,
            endpoint: pool.endpoint,
            workerId: worker.worker_id,
          });
        }
        break;
      case "spawn":
        effects.push(startSpawn(state, plan.site, now));
    }
  }
}

function startSpawn(
  state: State,
  site: { pool: Pool; device: { id: string }; model: PoolModel; needed: number },
  now: number,
): Effect {
  const { pool, device, model } = site;
  const spawn = {
    requestId: `spawn-${now}-${++state.spawnCount}`,
    poolId: pool.id,
    fingerprint: model.fingerprint,
    device: device.id,
    memoryBytes: site.needed,
    startedAt: now,
    workerId: undefined,
  };
  state.spawns.set(spawn.requestId, spawn);
  return { kind: "spawn", spawn, modelRef: model.model_ref, endpoint: pool.endpoint };
}

function average(before: number | undefined, value: number): number {
  return before === undefined ? value : before + (value - before) * RATE_WEIGHT;
}

/**
 * When a job that is queued now should start, in ms from now: the queue ahead of it at the measured
 * pace of the model's slots, and a load if nobody holds the model. 0 where nothing was measured.
 */
export function predictStart(state: State, fingerprint: string, ahead: number): number {
  let slots = 0;
  let free = 0;
  const held = leases(state);
  for (const pool of state.pools.values()) {
    for (const worker of pool.workers) {
      if (worker.fingerprint !== fingerprint || worker.state !== "ready") continue;
      slots += worker.slots;
      free += worker.slots - (held.get(worker.worker_id) ?? 0);
    }
  }
  if (slots === 0) return Math.round(state.rates.loadMs ?? 0);
  if (ahead < free) return 0;
  const rounds = Math.ceil((ahead - free + 1) / slots);
  return Math.round(rounds * (state.rates.serviceMs ?? 0));
}
