/**
 * The scheduler: `step(state, input, now) → { state, effects }`.
 *
 * It is deterministic and does no I/O. The state is moved, not copied: the one loop that owns it
 * passes it in and gets it back (docs/adr/0003-pure-scheduler.md). After every input:
 *
 * 1. facts are written into the state (`record.ts`), and jobs whose pause is over return to their line;
 * 2. at a tick, jobs past their deadline or queue timeout end, and so do jobs whose model no pool has any
 *    more, or none in service while they have a fallback; workers that were idle for too long leave; workers that leave or hang are stopped once idle.
 *    While the daemon stops, nothing else is done;
 * 3. workers of drained pools and of replaced models are stopped (`drain.ts`, `reload.ts`);
 * 4. suspects take the workers that were loaded for them; running jobs yield to others that have waited for
 *    long (`yields.ts`), at ticks and as they report progress; the waiting jobs of each model take its free
 *    slots, in the order of `queue.ts`, but for those that wait for the worker that has read their prompt
 *    (`patience.ts`); a job whose deadline comes before its first token ends instead, if others wait for its slot;
 * 5. for each model with waiting jobs that no worker holds or loads, `planLoad` decides what is done;
 *    suspects are tried alone where there is room (`suspects.ts`); at a tick, if no model waits to be
 *    loaded, models whose slots are all taken are loaded once more;
 * 6. models that are wished for are loaded, and at a tick idle second workers are stopped.
 *
 * @module
 */
import { carryOutDrains } from "./drain.ts";
import { endUnserved } from "./fallbacks.ts";
import { dispatch, endJob } from "./jobs.ts";
import { startSpawn, stopWorker } from "./orders.ts";
import { endMissing } from "./missing.ts";
import { type LoadPlan, planLoad, planReplica } from "./placement.ts";
import { awaitsItsWorker, letsOthersPass } from "./patience.ts";
import { nextJob, resume, urgentSince, waitingCount } from "./queue.ts";
import { firstTokenAfter } from "./rates.ts";
import { record } from "./record.ts";
import { advanceReloads } from "./reload.ts";
import { endIdle, isComingAt, isLoadedAt } from "./residency.ts";
import type { Job } from "./job.ts";
import { anywhere, type Effect, type Input, type State, type Wish } from "./state.ts";
import { stopSurplus } from "./surplus.ts";
import { seatOnOwn, tryAlone } from "./suspects.ts";
import {
  freeSeat,
  holdersOf,
  isLoadedOrLoading,
  isLoading,
  takesJobs,
  usedSlots,
  warmSeat,
} from "./workers.ts";
import { yieldSlots } from "./yields.ts";

/** Longest time between two looks for models that need one more worker, in ms. */
const REPLICAS_LOOK_MS = 1_000;

/** Models that one tick looks for one more place for: each look goes through all devices of all pools. */
const REPLICA_PLANS = 5;

/** Applies one input. */
export function step(
  state: State,
  input: Input,
  now: number,
): { readonly state: State; readonly effects: readonly Effect[] } {
  const effects: Effect[] = [];
  const isOnlyMore = goesOn(state, input);
  record(state, input, now, effects);
  if (isOnlyMore && now < state.yieldsFrom) return { state, effects };
  if (state.paused.size > 0) resume(state, now);
  if (input.kind === "tick") {
    endOverdue(state, now, effects);
    endMissing(state, now, effects);
    endUnserved(state, now, effects);
    endIdle(state, now);
  }
  if (mayEndWorker(input)) stopIdle(state, now, effects);
  if (state.draining) return { state, effects };
  carryOutDrains(state, now, effects);
  advanceReloads(state, now, effects);
  seatOnOwn(state, now, effects);
  for (const fingerprint of mayYieldNow(state, input, now)) {
    yieldSlots(state, fingerprint, now, effects);
  }
  for (const fingerprint of [...state.lines.keys()]) seatWaiting(state, fingerprint, now, effects);
  const isCalm = loadWaiting(state, now, effects);
  tryAlone(state, now, effects);
  // Models that no worker holds get memory first.
  if (isCalm && input.kind === "tick") loadReplicas(state, now, effects);
  for (const [key, wish] of state.wishes) grant(state, key, wish, now, effects);
  if (input.kind === "tick") stopSurplus(state, now, effects);
  return { state, effects };
}

/** Whether this input only tells of more tokens of a stream: nobody who waits gets a place by that. */
function goesOn({ running, breakers }: State, input: Input): boolean {
  // The first token of an attempt clears its job of suspicion, and a pool of failed loads.
  return input.kind === "progress" && breakers.size === 0 &&
    running.get(input.jobId)?.lease?.firstTokenAt !== undefined;
}

/** Whether this input may require a worker to stop; after other inputs the next tick is soon enough. */
function mayEndWorker(input: Input): boolean {
  if (input.kind === "tick" || input.kind === "unload") return true;
  return input.kind === "attempt_ended" && input.outcome.kind === "lost";
}

/** Progress is reported thousands of times a second: then jobs that may have to yield are looked for this often. */
const YIELDS_MS = 100;

/** Models whose running jobs may have to yield now: ticks alone would let others wait for up to one more. */
function mayYieldNow(state: State, { kind }: Input, now: number): readonly string[] {
  if (kind !== "tick" && (kind !== "progress" || now < state.yieldsFrom)) return [];
  state.yieldsFrom = now + YIELDS_MS;
  return [...state.lines.keys()];
}

function endOverdue(state: State, now: number, effects: Effect[]): void {
  if (now < state.overdueFrom) return;
  const { queueTimeoutMs } = state.policy;
  // A job that begins to wait from now on cannot wait too long before.
  let next = now + queueTimeoutMs;
  const overdue: Job[] = [];
  for (const jobs of [state.queued, state.running]) {
    for (const job of jobs.values()) {
      if (job.deadlineAt === undefined) continue;
      if (now >= job.deadlineAt) overdue.push(job);
      else next = Math.min(next, job.deadlineAt);
    }
  }
  const message = "The job did not end before its deadline";
  for (const { id } of overdue) {
    endJob(state, id, { code: "DEADLINE_UNMET", message }, now, effects);
  }

  const timedOut: Job[] = [];
  for (const job of state.queued.values()) {
    if (state.held.has(job.id)) continue;
    if (now - job.waitingSince > queueTimeoutMs) timedOut.push(job);
    else next = Math.min(next, job.waitingSince + queueTimeoutMs);
  }
  state.overdueFrom = next;
  for (const { id } of timedOut) {
    const message = `The job waited longer than ${queueTimeoutMs} ms for a worker`;
    endJob(state, id, { code: "QUEUE_TIMEOUT", message }, now, effects);
  }
}

/** Dispatches the waiting jobs of one model for which there are free slots: first those that have most of one. */
function seatWaiting(state: State, fingerprint: string, now: number, effects: Effect[]): void {
  if (!freeSeat(state, fingerprint, now)) return;
  const passed = seatUnless(letsOthersPass, state, fingerprint, now, effects);
  if (passed > 0) seatUnless(awaitsItsWorker, state, fingerprint, now, effects);
}

/**
 * Dispatches jobs in their order, apart from those that wait for their worker.
 *
 * @returns how many of those there are
 */
function seatUnless(
  waits: typeof awaitsItsWorker,
  state: State,
  fingerprint: string,
  now: number,
  effects: Effect[],
): number {
  const patient = new Set<string>();
  let spare: number | undefined;
  while (true) {
    const job = freeSeat(state, fingerprint, now) && nextJob(state, fingerprint, now, patient);
    if (!job) return patient.size;
    // If no other job needs its slot, it is tried: the measured times may be out of date.
    if (isTooLate(state, job, now) && (spare ??= waitingFor(state, fingerprint, now)) > 0) {
      spare--;
      const message = "The job would not have begun to answer before its deadline";
      endJob(state, job.id, { code: "DEADLINE_UNMET", message }, now, effects);
      continue;
    }
    const warm = warmSeat(state, job, now);
    if (!warm && waits(state, job, now)) {
      patient.add(job.id);
      continue;
    }
    const seat = warm ?? freeSeat(state, fingerprint, now, job);
    // The free workers may be too small for it: it waits for a larger one, and the jobs behind it wait, too.
    if (!seat) return patient.size;
    dispatch(state, job, seat, now, effects);
  }
}

/** Whether a job would not have begun to answer before its deadline, as far as is known. */
function isTooLate(state: Readonly<State>, job: Job, now: number): boolean {
  return job.deadlineAt !== undefined && now + firstTokenAfter(state, job) >= job.deadlineAt;
}

/** How many of a model's waiting jobs have no slot now. */
function waitingFor(state: Readonly<State>, fingerprint: string, now: number): number {
  let free = 0;
  for (const worker of holdersOf(state, fingerprint)) {
    if (takesJobs(state, worker, now)) free += worker.report.slots - usedSlots(worker);
  }
  return waitingCount(state, fingerprint) - free;
}

/**
 * Models with waiting jobs that no worker holds or loads, with the time since which they wait, longest
 * first. Batch jobs count as waiting since now, so that nothing yields to them.
 */
function waitingModels(state: Readonly<State>, now: number): Map<string, number> {
  const since = new Map<string, number>();
  for (const fingerprint of state.lines.keys()) {
    if (isLoadedOrLoading(state, fingerprint)) continue;
    since.set(fingerprint, urgentSince(state, fingerprint, now) ?? now);
  }
  return since.size < 2 ? since : new Map([...since].sort(([, a], [, b]) => a - b));
}

/** Carries out the load plans of models that no worker holds; true when no jobs wait for such a model. */
function loadWaiting(state: State, now: number, effects: Effect[]): boolean {
  const waiting = waitingModels(state, now);
  for (const fingerprint of state.swaps.keys()) {
    if (!waiting.has(fingerprint)) state.swaps.delete(fingerprint);
  }
  for (const [fingerprint, since] of waiting) {
    const plan = planLoad(state, anywhere(fingerprint), now - since, now);
    const yields = plan.kind === "yield" ? plan.victims : [];
    if (yields.length === 0) state.swaps.delete(fingerprint);
    else state.swaps.set(fingerprint, new Set(yields.map(({ report }) => report.worker_id)));
    if (plan.kind === "impossible") {
      for (const job of [...state.queued.values()]) {
        if (job.fingerprint === fingerprint) endJob(state, job.id, plan, now, effects);
      }
    } else carryOut(state, plan, now, effects);
  }
  return waiting.size === 0;
}

/** Loads a model that is wished for, unless it is loaded or loading; no busy worker yields to a wish. */
function grant(state: State, key: string, wish: Wish, now: number, effects: Effect[]): void {
  if (isLoadedAt(state, wish)) state.wishes.delete(key);
  else if (!isLoading(state, wish.fingerprint) && !isComingAt(state, wish)) {
    const plan = planLoad(state, wish, 0, now);
    if (plan.kind === "impossible" && !wish.isPreload) state.wishes.delete(key);
    else if (plan.kind !== "evict" || !wish.isPreload) carryOut(state, plan, now, effects);
  }
}

/** Requests the new worker at once, even where others must stop first: the pool waits for their memory. */
function carryOut(state: State, plan: LoadPlan, now: number, effects: Effect[]): void {
  if (plan.kind !== "evict" && plan.kind !== "spawn") return;
  if (plan.kind === "evict") {
    for (const worker of plan.victims) effects.push(stopWorker(state, worker, "evict", now));
  }
  effects.push(startSpawn(state, plan.site, now, { isSwap: plan.kind === "evict" }));
}

/** Loads another worker for each model whose slots are all taken and whose jobs have waited long enough. */
function loadReplicas(state: State, now: number, effects: Effect[]): void {
  if (now < state.replicasFrom) return;
  const { replicaAfterMs } = state.policy;
  const lookMs = Math.min(replicaAfterMs, REPLICAS_LOOK_MS);
  for (const fingerprint of state.replicaLookFrom.keys()) {
    if (!state.lines.has(fingerprint)) state.replicaLookFrom.delete(fingerprint);
  }
  // No later, since batch jobs may come to count as interactive ones.
  state.replicasFrom = now + lookMs;
  const lookFrom = (fingerprint: string) => state.replicaLookFrom.get(fingerprint) ?? 0;
  let plans = 0;
  for (const fingerprint of [...state.lines.keys()].sort((a, b) => lookFrom(a) - lookFrom(b))) {
    // The next tick goes on with the others.
    if (plans === REPLICA_PLANS) return;
    let from = lookFrom(fingerprint);
    // Only then, since this goes through the jobs of all tenants.
    if (from <= now) from = (urgentSince(state, fingerprint, now) ?? now) + replicaAfterMs;
    state.replicasFrom = Math.min(state.replicasFrom, Math.max(now, from));
    if (now < from || isLoading(state, fingerprint)) continue;
    plans++;
    // A worker that has just stopped yielding: the next input dispatches its jobs.
    const isServed = freeSeat(state, fingerprint, now, nextJob(state, fingerprint, now));
    const site = isServed ? undefined : planReplica(state, fingerprint, now);
    if (site) effects.push(startSpawn(state, site, now));
    else state.replicaLookFrom.set(fingerprint, isServed ? now : now + lookMs);
  }
}

/** Stops the workers that hang or leave, once they have no job any more. */
function stopIdle(state: State, now: number, effects: Effect[]): void {
  for (const worker of state.workers.values()) {
    if (usedSlots(worker) > 0 || worker.stoppingSince !== undefined) continue;
    const reason = worker.leaving ?? (worker.hangs ? "hung" : undefined);
    if (reason !== undefined) effects.push(stopWorker(state, worker, reason, now));
  }
}
