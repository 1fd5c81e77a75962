import assert from "node:assert/strict";
import { devicesOf } from "#shared/contracts/mod.ts";
import type { LlorchError } from "#shared/errors.ts";
import type { Effect, Spawn, State, Worker } from "../../daemons/orchestratord/scheduler/state.ts";
import { nextJob } from "../../daemons/orchestratord/scheduler/queue.ts";
import { MOST_YIELDS } from "../../daemons/orchestratord/scheduler/yields.ts";
import { freeSeat, isPinned, isUsable } from "../../daemons/orchestratord/scheduler/workers.ts";

/** Checks what must hold for the state after every step. */
export function checkState(state: Readonly<State>): void {
  // Every waiting job is in exactly one line or set, and no other job is.
  let lined = 0;
  for (const [fingerprint, lines] of state.lines) {
    assert.ok(lines.interactive.size + lines.batch.size > 0, "a model without waiting jobs");
    for (const priority of ["interactive", "batch"] as const) {
      for (const [tenant, jobs] of lines[priority]) {
        assert.ok(jobs.size > 0, "a tenant without waiting jobs");
        let before = -Infinity;
        for (const job of jobs.values()) {
          lined++;
          assert.equal(state.queued.get(job.id), job);
          assert.ok(!state.paused.has(job.id));
          assert.deepEqual(
            [job.fingerprint, job.priority, job.tenant],
            [fingerprint, priority, tenant],
          );
          assert.ok(job.queuedAt >= before, "a tenant's jobs are out of order");
          before = job.queuedAt;
        }
      }
    }
  }
  assert.equal(
    lined + state.paused.size + state.suspects.size + state.held.size,
    state.queued.size,
  );
  for (const id of state.held) {
    const isStored = state.queued.get(id)?.isStored;
    assert.ok(isStored && !state.isStorageWritable, `${id} is held back without a reason`);
  }
  for (const id of state.suspects) {
    assert.ok(state.queued.has(id) && !state.paused.has(id), `suspect ${id} does not wait`);
  }

  for (const job of [...state.queued.values(), ...state.running.values()]) {
    assert.equal(job.deaths > 0, state.blamed.has(job.id), `${job.id} is blamed, or is not`);
  }
  for (const { id, yields } of [...state.queued.values(), ...state.running.values()]) {
    assert.ok(yields <= MOST_YIELDS, `${id} has yielded ${yields} times`);
  }
  for (const id of state.blamed) assert.ok(state.queued.has(id) || state.running.has(id));

  // Jobs and workers agree on the leases, and no worker has more leases than slots.
  let leased = 0;
  for (const worker of state.workers.values()) {
    assert.ok(worker.jobs.size <= worker.report.slots, `${worker.report.worker_id} is over-used`);
    for (const id of worker.jobs) {
      leased++;
      assert.equal(state.running.get(id)?.lease?.workerId, worker.report.worker_id);
    }
    assert.ok(state.holders.get(worker.report.fingerprint)?.has(worker));
  }
  const known = [...state.running.values()]
    .filter(({ lease }) => lease && state.workers.has(lease.workerId));
  assert.equal(leased, known.length);

  // Every tenant's jobs are counted.
  const byTenant = new Map<string, number>();
  for (const job of [...state.queued.values(), ...state.running.values()]) {
    byTenant.set(job.tenant, (byTenant.get(job.tenant) ?? 0) + 1);
  }
  for (const [tenant, { jobs }] of state.shares) {
    assert.equal(jobs, byTenant.get(tenant) ?? 0, `jobs of tenant ${tenant}`);
  }
  for (const tenant of byTenant.keys()) assert.ok(state.shares.has(tenant));

  // Waiting jobs of a model share one load: no second one is planned.
  const spawned = [...state.spawns.values()].filter(({ trialOf }) => trialOf === undefined)
    .map(({ fingerprint }) => fingerprint);
  assert.equal(new Set(spawned).size, spawned.length, "two loads of one model");
}

/** Checks that no job is past its deadline after a tick. */
export function checkDeadlines(state: Readonly<State>, now: number): void {
  for (const job of [...state.queued.values(), ...state.running.values()]) {
    assert.ok(now < (job.deadlineAt ?? Infinity), `${job.id} is past its deadline`);
  }
}

/** A refused client's place is kept for this long after its Retry-After, in ms. */
const KEPT_MS = 500;

/** It may come this much earlier, in ms. */
const EARLY_MS = 20;

/** Follows jobs from outside, only by the inputs and effects of the scheduler. */
export class Ledger {
  readonly #jobs = new Map<
    string,
    { ended: boolean; attempt: number; busyOn: string | undefined }
  >();
  /** Refused clients' tenants, and until when a place is kept for each. */
  #comeBack: { readonly tenant: string; readonly at: number; readonly until: number }[] = [];
  readonly #state: () => Readonly<State>;
  /** Whether a new start has not yet taken over all jobs. */
  #isRestoring = false;

  constructor(state: () => Readonly<State>) {
    this.#state = state;
  }

  /**
   * Checks a refusal: the queue was full, or its free places are kept for tenants that were refused before.
   *
   * @param free Places that were free when the job came: what is decided afterwards may free more.
   */
  refused(
    tenant: string,
    { message, retryAfterMs = 0 }: LlorchError,
    free: number,
    now: number,
  ): void {
    this.#comeBack = this.#comeBack.filter(({ until }) => until >= now);
    const isForOthers = this.#comeBack.some((each) => each.tenant !== tenant);
    assert.ok(
      isForOthers || free <= this.#comeBack.length,
      `a free place is refused although no refused client has a claim to it: ${message}`,
    );
    const at = now + retryAfterMs;
    this.#comeBack.push({ tenant, at, until: at + KEPT_MS });
  }

  submitted(jobId: string, tenant: string, now: number): void {
    assert.ok(!this.#jobs.has(jobId));
    const first = this.#comeBack.findIndex((each) =>
      each.tenant === tenant && each.at <= now + EARLY_MS
    );
    if (first >= 0) this.#comeBack.splice(first, 1);
    this.#jobs.set(jobId, { ended: false, attempt: 0, busyOn: undefined });
  }

  /**
   * Notes that the orchestrator is gone with its attempts, and ends the jobs that are not stored.
   *
   * @returns the stored jobs that another one has to take over, and the attempts of each so far
   */
  tookOver(isStored: (jobId: string) => boolean): { id: string; attempt: number }[] {
    this.#isRestoring = true;
    const left = [];
    for (const [id, job] of this.#jobs) {
      if (job.ended) continue;
      job.busyOn = undefined;
      if (isStored(id)) left.push({ id, attempt: job.attempt });
      else job.ended = true;
    }
    // What a new start does not know.
    this.#comeBack = [];
    return left;
  }

  /** Notes that a new start has taken over all jobs. */
  restored(): void {
    this.#isRestoring = false;
    this.checkNoneLost();
  }

  /** Notes an attempt that has ended by itself. */
  attemptEnded(jobId: string, attempt: number, isLast: boolean): void {
    const job = this.#of(jobId);
    if (job.ended || job.attempt !== attempt) return;
    job.busyOn = undefined;
    job.ended = isLast;
  }

  /** Checks an effect of the scheduler and notes it. */
  effect(effect: Effect, now: number): void {
    const state = this.#state();
    switch (effect.kind) {
      case "dispatch": {
        const job = this.#of(effect.jobId);
        assert.ok(!job.ended, "an ended job is dispatched");
        assert.equal(job.busyOn, undefined, "a job runs twice");
        assert.equal(effect.attempt, job.attempt + 1, "attempts are counted one by one");
        const worker = state.workers.get(effect.worker.worker_id);
        assert.ok(worker && isUsable(state, worker), "dispatched to a worker that is not usable");
        assert.ok(!state.drains.has(effect.poolId), "dispatched to a pool that is drained");
        job.attempt = effect.attempt;
        job.busyOn = effect.worker.worker_id;
        return;
      }
      case "abort": {
        const job = this.#of(effect.jobId);
        assert.equal(effect.attempt, job.attempt);
        job.busyOn = undefined;
        return;
      }
      case "fail": {
        const job = this.#of(effect.jobId);
        assert.ok(!job.ended, `a second end: ${effect.error.message}`);
        job.ended = true;
        job.busyOn = undefined;
        return;
      }
      case "stop_worker":
        for (const [id, { busyOn }] of this.#jobs) {
          assert.notEqual(busyOn, effect.workerId, `a worker is stopped that runs ${id}`);
        }
        if (effect.reason === "evict" || effect.reason === "idle") {
          const worker = state.workers.get(effect.workerId)!;
          assert.ok(!isPinned(state, worker), `a pinned worker is stopped: ${effect.reason}`);
          const ttlMs = effect.reason === "idle" ? state.policy.idleTtlMs : 0;
          assert.ok(now - worker.lastUsedAt >= ttlMs, "a worker is stopped before its time");
        }
        return;
      case "spawn": {
        const { fingerprint, requestId, poolId, device, trialOf, claims } = effect.spawn;
        const claimed = claims.map((claim) => claim.device);
        assert.deepEqual(claimed, devicesOf(device), `${requestId} claims a part of its place`);
        for (const claim of claims) {
          const total = state.pools.get(poolId)?.devices.find(({ id }) => id === claim.device)
            ?.total_bytes;
          assert.ok(claim.bytes <= total!, `${requestId} claims more than ${claim.device} has`);
        }
        assert.ok(!state.drains.has(poolId), `${requestId} loads on a pool that is drained`);
        if (trialOf !== undefined) return this.#checkTrial(trialOf, poolId);
        if (state.reloads.get(poolId)?.requestId === requestId) return;
        for (const worker of state.holders.get(fingerprint) ?? []) {
          if (!isUsable(state, worker) || this.#isOnTrial(worker)) continue;
          // An operator requested it at another place too.
          if (this.#isWished(effect.spawn)) return;
          assert.ok(
            state.lines.has(fingerprint),
            `${requestId} loads a model that no job waits for`,
          );
          const next = nextJob(state, fingerprint, now);
          assert.equal(freeSeat(state, fingerprint, now, next), undefined, "a slot is free");
          const isSame = worker.poolId === poolId && worker.report.device === device;
          assert.ok(!isSame, `${requestId} loads a model beside itself`);
        }
        return;
      }
      case "suspect":
        assert.ok(!this.#of(effect.jobId).ended, "an ended job is suspected");
        return;
      case "loaded":
      case "load_failed":
      case "pool_lost":
        return;
    }
  }

  /** Checks that a worker for a trial is for a waiting suspect, and is the only trial on its pool. */
  #checkTrial(jobId: string, poolId: string): void {
    const state = this.#state();
    assert.ok(state.suspects.has(jobId), `${jobId} is to be tried alone, and is no suspect`);
    for (const { id, deaths, lease } of state.running.values()) {
      const isTrial = deaths > 0 && lease?.tokensOut === 0 && lease.poolId === poolId;
      assert.ok(!isTrial, `${id} is tried on the same pool`);
    }
    const trials = [...state.spawns.values()].filter((spawn) =>
      spawn.poolId === poolId && spawn.trialOf !== undefined
    );
    assert.ok(trials.length <= 1, "two trials are prepared on one pool");
  }

  #isOnTrial({ jobs, report }: Worker): boolean {
    const { running, queued, suspects } = this.#state();
    return [...jobs].some((id) => (running.get(id)?.deaths ?? 0) > 0) ||
      [...suspects].some((id) => queued.get(id)?.trialRequest === report.request_id);
  }

  #isWished({ fingerprint, poolId, device }: Spawn): boolean {
    return [...this.#state().wishes.values()].some((wish) =>
      wish.fingerprint === fingerprint && (wish.poolId ?? poolId) === poolId &&
      (wish.device ?? device) === device
    );
  }

  /** Checks that no job is lost: one that has not ended waits or runs. */
  checkNoneLost(): void {
    if (this.#isRestoring) return;
    const { queued, running } = this.#state();
    let open = 0;
    for (const [id, { ended }] of this.#jobs) {
      if (ended) continue;
      open++;
      assert.ok(queued.has(id) !== running.has(id), `job ${id} is lost, or is twice`);
    }
    assert.equal(queued.size + running.size, open, "an ended job is still there");
  }

  get open(): string[] {
    return [...this.#jobs].filter(([, { ended }]) => !ended).map(([id]) => id);
  }

  #of(jobId: string) {
    const job = this.#jobs.get(jobId);
    assert.ok(job, `an effect for job ${jobId}, which was not submitted`);
    return job;
  }
}
