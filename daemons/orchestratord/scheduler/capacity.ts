/**
 * The bound of the queue. It is checked before a job is submitted; a refusal is then sent to the scheduler
 * as an input like any other.
 *
 * A refused client gets a `Retry-After`, and a place in the queue is reserved for that time. Other clients may
 * take free places as long as enough of them remain for the reservations. Tenants take turns in reservations,
 * so that a tenant with many clients leaves the others their share.
 *
 * @module
 */
import { LlorchError } from "#shared/errors.ts";
import { type Leaving, leavingTimes } from "./forecast.ts";
import { Promises, wholeSeconds } from "./promises.ts";
import type { State } from "./state.ts";

/** Most reserved places; further clients get a `Retry-After` without a reservation. */
const MOST_PROMISES = 1_000;

/** Retry-After before anything was measured, in ms. */
const UNMEASURED_MS = 1_000;

/** Longest Retry-After, in ms. */
const LONGEST_MS = 600_000;

/** Added to the predicted time for `Retry-After`: this share of it, and this many ms. */
const MARGIN = { share: 0.05, ms: 50 };

/**
 * Why the queue has no place for one more job of a tenant; undefined where it has one.
 *
 * @param startsAtOnce Whether its model has a free slot: then it keeps no promised place from anybody.
 * @param leaving When waiting jobs leave the queue; {@linkcode leavingTimes}, or what it said a moment ago.
 * @returns `QUEUE_FULL` with the time after which a place is promised; send it to {@linkcode promise}.
 */
export function refusalOf(
  state: Readonly<State>,
  tenant: string,
  now: number,
  startsAtOnce = false,
  leaving: () => Leaving = () => leavingTimes(state, now),
): LlorchError | undefined {
  const { queued, promised, policy: { queueCapacity } } = state;
  const free = Math.max(0, queueCapacity - queued.size);
  if (free > 0 && (startsAtOnce || promised.size === 0)) return undefined;
  const places = { free, next: leaving() };
  const times = promisedTimes(state, now);
  const isDue = promised.get(tenant)?.isDue(now) === true;
  if (free > 0 && (isDue || isSpare(places, times, now) && !hasMore(state, tenant, now))) {
    return undefined;
  }
  const why = free > 0
    ? `the ${free} free places are kept for clients that were refused before`
    : `${queued.size} of ${queueCapacity} places are taken`;
  const retryAfterMs = timeOf(places, times, ownTurn(state, tenant, times.length, now), now);
  return new LlorchError("QUEUE_FULL", `Cannot queue another job: ${why}`, { retryAfterMs });
}

/** Keeps a place for a tenant that was told to come back. */
export function promise(state: State, tenant: string, retryAfterMs: number, now: number): void {
  let own = state.promised.get(tenant);
  // Who was refused although it was promised a place has got another promise instead.
  own?.keep(now);
  if (promisedTimes(state, now).length >= MOST_PROMISES) return;
  if (!own) state.promised.set(tenant, own = new Promises());
  own.add(now + retryAfterMs);
}

/** Forgets the promises to clients that did not come back in time. */
export function forgetPromises(state: State, now: number): void {
  for (const [tenant, own] of state.promised) {
    if (own.open(now).length === 0) state.promised.delete(tenant);
  }
}

/** The places of the queue that are free now, and those that will be. */
interface Places {
  readonly free: number;
  readonly next: Leaving;
}

/** When a place is free, in ms from now; they are numbered from 0. */
function freeAfter({ free, next: { times, gapMs } }: Places, index: number): number {
  if (index < free) return 0;
  const last = times.length - 1;
  const beyond = index - free - last;
  return beyond > 0 ? times[last]! + beyond * gapMs : times[index - free]!;
}

/** How many places will have been free within a time in ms. */
function freeWithin({ free, next: { times, gapMs } }: Places, ms: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! <= ms) low = middle + 1;
    else high = middle;
  }
  const last = times.at(-1) ?? 0;
  const beyond = ms > last && gapMs > 0 ? Math.floor((ms - last) / gapMs) : 0;
  return free + low + beyond;
}

/** Whether somebody may have a free place though it was promised to nobody who comes now. */
function isSpare(places: Places, promised: readonly number[], now: number): boolean {
  if (places.next.times.length === 0) return places.free > promised.length;
  return promised.every((at, before) => freeWithin(places, at - now) > before + 1);
}

/**
 * When a place will be free that was promised to nobody, in ms from now.
 *
 * @param turn Number of the first place that may be this tenant's.
 */
function timeOf(places: Places, promised: readonly number[], turn: number, now: number): number {
  if (places.next.times.length === 0) return UNMEASURED_MS;
  const taken = new Set<number>();
  for (const at of promised) {
    // Each takes the last place that is free by then, which leaves the earlier ones to others.
    let index = freeWithin(places, at - now) - 1;
    while (index >= 0 && taken.has(index)) index--;
    if (index < 0) { for (index = 0; taken.has(index);) index++; }
    taken.add(index);
  }
  let index = turn;
  while (taken.has(index)) index++;
  const ms = freeAfter(places, index) * (1 + MARGIN.share) + MARGIN.ms;
  return wholeSeconds(Math.min(LONGEST_MS, ms));
}

/** Whether a tenant has more than its share of the places, while others' clients have to wait for one. */
function hasMore(state: Readonly<State>, tenant: string, now: number): boolean {
  const isAlone = [...state.promised].every(([name, own]) =>
    name === tenant || own.open(now).length === 0
  );
  if (isAlone) return false;
  let waiting = 0;
  for (const { interactive, batch } of state.lines.values()) {
    waiting += (interactive.get(tenant)?.size ?? 0) + (batch.get(tenant)?.size ?? 0);
  }
  return waiting >= state.policy.queueCapacity / tenantsOf(state, tenant, now);
}

/**
 * Number of the first place that may be a tenant's. One with more than its share of the promises leaves places
 * between its own to others.
 */
function ownTurn(state: Readonly<State>, tenant: string, promised: number, now: number): number {
  const own = state.promised.get(tenant)?.open(now).length ?? 0;
  if (own === 0) return 0;
  const tenants = tenantsOf(state, tenant, now);
  return own * tenants < promised ? 0 : own * tenants;
}

/** Tenants that take turns: those with jobs, those that were promised a place, and this one. */
function tenantsOf(state: Readonly<State>, tenant: string, now: number): number {
  const tenants = new Set([tenant]);
  for (const [name, { jobs }] of state.shares) if (jobs > 0) tenants.add(name);
  for (const [name, own] of state.promised) if (own.open(now).length > 0) tenants.add(name);
  return tenants.size;
}

function promisedTimes({ promised }: Readonly<State>, now: number): number[] {
  return [...promised.values()].flatMap((own) => own.open(now)).sort((a, b) => a - b);
}
