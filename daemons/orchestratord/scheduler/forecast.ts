/**
 * When waiting jobs will start: the slots of a model are followed into the future, as its running jobs leave
 * them and its waiting jobs take them in the order of `queue.ts`.
 *
 * @module
 */
import { costAtEntry, expectedCost } from "./fairness.ts";
import { defaultSlots } from "./load_size.ts";
import { isUrgent, waitingCount } from "./queue.ts";
import { durationOf, leftOf, loadLeft, type Sized, withPace } from "./rates.ts";
import type { Job } from "./job.ts";
import type { Expected } from "./lengths.ts";
import { breakerKey, type State, type Worker } from "./state.ts";
import { holdersOf, isInService, isUsable, usedSlots } from "./workers.ts";
import { yieldsTo } from "./yields.ts";

/** Starts that are followed one by one, at most; from then on they are as frequent as before. */
const FOLLOWED = 512;

/** The same for a single job: each that is accepted asks for its start. */
export const FOLLOWED_FOR_ONE = 128;

/**
 * Nineteen of twenty values of a normal distribution are at most this many standard deviations above its mean. Nine
 * of ten clients shall find the time true that they are told; the rest is for jobs that yield, which end later.
 */
const NINETEEN_OF_TWENTY = 1.64;

/** A job whose start is asked for. */
export type Asked =
  & Sized
  & Pick<Job, "priority" | "tenant" | "queuedAt">
  & Partial<Pick<Job, "tokensAtMost" | "waitingSince">>;

/** When a waiting job will start. */
export interface Start {
  /** Jobs that start before it. */
  readonly ahead: number;
  /** In ms from now. */
  readonly expected: Expected;
}

/** A time before which it happens nine times of ten, at least. */
export function lateBy({ mean, variance }: Expected): number {
  return mean + NINETEEN_OF_TWENTY * Math.sqrt(variance);
}

/** When a job that waits, or would be queued now, will start. Unmeasured times count as 0. */
export function startOf(state: Readonly<State>, job: Asked, now: number): Start {
  let last: Start | undefined;
  for (const start of starts(state, job.fingerprint, now, FOLLOWED_FOR_ONE, job)) {
    if (start.job === job) return start.ahead === 0 ? withYield(state, job, start, now) : start;
    last = start;
  }
  const ahead = waitingCount(state, job.fingerprint);
  const { mean, variance } = last!.expected;
  const share = ahead / FOLLOWED_FOR_ONE;
  return { ahead, expected: { mean: mean * share, variance: variance * share } };
}

/** The starts of a model's next waiting jobs, which are followed together. */
export function startsOf(
  state: Readonly<State>,
  fingerprint: string,
  now: number,
): ReadonlyMap<Asked, Start> {
  const found = new Map<Asked, Start>();
  for (const start of starts(state, fingerprint, now, FOLLOWED)) {
    found.set(start.job, start.ahead === 0 ? withYield(state, start.job, start, now) : start);
  }
  return found;
}

/** The start of the job that is next: a running job may give it its slot. */
function withYield(state: Readonly<State>, job: Asked, start: Start, now: number): Start {
  const { yieldAfterMs } = state.policy;
  const mean = Math.max(0, yieldAfterMs - Math.max(0, now - (job.waitingSince ?? now)));
  const isSooner = yieldAfterMs > 0 && mean < start.expected.mean;
  if (!isSooner || !yieldsTo(state, job, now, mean)) return start;
  return { ahead: 0, expected: { mean, variance: 0 } };
}

/** When a job ends, in ms from now; undefined where nothing was measured. */
export function endOf(state: Readonly<State>, job: Job, now: number): Expected | undefined {
  const { fingerprint } = job;
  if (job.lease) {
    const left = leftOf(state, job, now);
    return left && withPace(state, fingerprint, left);
  }
  const duration = durationOf(state, job);
  if (!duration) return undefined;
  const { expected } = startOf(state, job, now);
  return withPace(state, fingerprint, {
    mean: expected.mean + duration.mean,
    variance: expected.variance + duration.variance,
  });
}

/** When waiting jobs leave the queue. */
export interface Leaving {
  /** In ms from now, ascending; each is kept nine times of ten. */
  readonly times: readonly number[];
  /** Time between two of them once all those have left, in ms. */
  readonly gapMs: number;
}

/** When waiting jobs leave the queue; jobs of models of which nothing was measured are left out. */
export function leavingTimes(state: Readonly<State>, now: number): Leaving {
  const times: number[] = [];
  let perMs = 0;
  for (const fingerprint of state.lines.keys()) {
    if (!isMeasured(state, fingerprint, now)) continue;
    let durations = 0;
    let count = 0;
    for (const { job, expected } of starts(state, fingerprint, now, FOLLOWED)) {
      times.push(lateBy(withPace(state, fingerprint, expected)));
      durations += durationOf(state, job)?.mean ?? 0;
      count++;
    }
    if (durations > 0) perMs += slotsOf(state, fingerprint, now).length * count / durations;
  }
  return { times: times.sort((a, b) => a - b), gapMs: perMs > 0 ? 1 / perMs : 0 };
}

/** Whether the times of a model's running jobs are known, and of a waiting one. */
function isMeasured(state: Readonly<State>, fingerprint: string, now: number): boolean {
  for (const worker of holdersOf(state, fingerprint)) {
    for (const id of worker.jobs) {
      const job = state.running.get(id);
      if (job && !leftOf(state, job, now)) return false;
    }
  }
  for (const job of waitingOf(state, fingerprint)) return durationOf(state, job) !== undefined;
  return true;
}

/** A slot, and when it will be free. */
interface Slot {
  free: Expected;
}

/** One tenant's jobs of one class. */
interface Own {
  readonly tenant: { cost: number };
  readonly rest: Iterator<Asked>;
  next: Asked | undefined;
}

/** The waiting jobs of a model in the order in which they start, with the one that is asked for, if any. */
function* starts(
  state: Readonly<State>,
  fingerprint: string,
  now: number,
  followed: number,
  asked?: Asked,
): Generator<Start & { readonly job: Asked }> {
  const slots = slotsOf(state, fingerprint, now);
  const owns = ownsOf(state, fingerprint, asked);
  for (let ahead = 0; ahead < followed; ahead++) {
    const own = nextOf(state, owns, now);
    if (!own) return;
    const job = own.next!;
    const slot = slots.reduce((a, b) => b.free.mean < a.free.mean ? b : a);
    yield { job, ahead, expected: slot.free };
    const duration = durationOf(state, job) ?? { mean: 0, variance: 0 };
    slot.free = {
      mean: slot.free.mean + duration.mean,
      variance: slot.free.variance + duration.variance,
    };
    own.tenant.cost += expectedCost(state, job);
    own.next = own.rest.next().value;
  }
}

/** The slots of a model's workers; where none holds it, those of the worker that will be loaded. */
function slotsOf(state: Readonly<State>, fingerprint: string, now: number): Slot[] {
  const slots: Slot[] = [];
  for (const worker of holdersOf(state, fingerprint)) {
    if (isUsable(state, worker)) slots.push(...slotsOn(state, worker, now));
  }
  if (slots.length > 0) return slots;
  const mean = loadLeft(state, fingerprint, now) + untilTried(state, fingerprint, now);
  return Array.from({ length: slotsToCome(state, fingerprint) }, () => ({
    free: { mean, variance: 0 },
  }));
}

function slotsOn(state: Readonly<State>, worker: Worker, now: number): Slot[] {
  const { jobs, heldElsewhere, report } = worker;
  const atOnce = { mean: 0, variance: 0 };
  const slots = [...jobs].map((id): Slot => {
    const job = state.running.get(id);
    return { free: job && leftOf(state, job, now) || atOnce };
  });
  // Of the calls of an orchestrator that led before, only their model is known.
  const { fingerprint } = report;
  const usual = durationOf(state, {
    ...{ fingerprint, tokensIn: 0, maxTokens: undefined, speaks: true, delivered: 0 },
  });
  for (let n = 0; n < heldElsewhere; n++) slots.push({ free: usual ?? atOnce });
  for (let n = usedSlots(worker); n < report.slots; n++) slots.push({ free: atOnce });
  return slots;
}

/** Time until a model whose loads have failed may be loaded again, in ms. */
function untilTried(state: Readonly<State>, fingerprint: string, now: number): number {
  let soonest: number | undefined;
  for (const { id, models } of state.pools.values()) {
    if (!isInService(state, id) || !models.some((each) => each.fingerprint === fingerprint)) {
      continue;
    }
    const { retryAt = now } = state.breakers.get(breakerKey(id, fingerprint)) ?? {};
    soonest = Math.min(soonest ?? Infinity, Math.max(0, retryAt - now));
  }
  return soonest ?? 0;
}

/** Slots of the worker that will be loaded for a model. */
function slotsToCome(state: Readonly<State>, fingerprint: string): number {
  for (const { models } of state.pools.values()) {
    const model = models.find((each) => each.fingerprint === fingerprint);
    if (model) return defaultSlots(model);
  }
  return defaultSlots(undefined);
}

/** The waiting jobs of a model by tenant and class. */
function ownsOf(state: Readonly<State>, fingerprint: string, asked: Asked | undefined): Own[] {
  const tenants = new Map<string, { cost: number }>();
  const tenantOf = (name: string) => {
    let tenant = tenants.get(name);
    if (!tenant) tenants.set(name, tenant = { cost: costAtEntry(state, name) });
    return tenant;
  };
  const owns: Own[] = [];
  const add = (tenant: string, jobs: Iterable<Asked>) => {
    const rest = jobs[Symbol.iterator]();
    owns.push({ tenant: tenantOf(tenant), rest, next: rest.next().value });
  };
  let isIn = asked === undefined;
  const lines = state.lines.get(fingerprint);
  for (const priority of lines ? ["interactive", "batch"] as const : []) {
    for (const [tenant, own] of lines![priority]) {
      const isOwn = asked?.priority === priority && asked.tenant === tenant;
      add(tenant, isOwn ? withAsked(own.values(), asked) : own.values());
      isIn ||= isOwn;
    }
  }
  if (!isIn && asked) add(asked.tenant, [asked]);
  return owns;
}

/** A tenant's jobs with the one that is asked for, which may be one of them. */
function* withAsked(jobs: Iterable<Job>, asked: Asked): Generator<Asked> {
  let isIn = false;
  for (const job of jobs) {
    if (!isIn && job !== asked && job.queuedAt > asked.queuedAt) {
      isIn = true;
      yield asked;
    }
    if (job !== asked) yield job;
    else if (!isIn) {
      isIn = true;
      yield job;
    }
  }
  if (!isIn) yield asked;
}

/** The tenant and class whose first job starts next; see `nextJob` in `queue.ts`. */
function nextOf(state: Readonly<State>, owns: readonly Own[], now: number): Own | undefined {
  let best: Own | undefined;
  let isBestUrgent = false;
  for (const own of owns) {
    if (!own.next) continue;
    const isFirstUrgent = isUrgent(state, own.next, now);
    const isBetter = best === undefined || isFirstUrgent && !isBestUrgent ||
      isFirstUrgent === isBestUrgent &&
        (own.tenant.cost - best.tenant.cost || own.next.queuedAt - best.next!.queuedAt) < 0;
    if (isBetter) [best, isBestUrgent] = [own, isFirstUrgent];
  }
  return best;
}

function* waitingOf(state: Readonly<State>, fingerprint: string): Generator<Job> {
  const lines = state.lines.get(fingerprint);
  for (const line of lines ? [lines.interactive, lines.batch] : []) {
    for (const own of line.values()) yield* own.values();
  }
}
