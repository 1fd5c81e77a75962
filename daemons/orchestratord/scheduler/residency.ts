/**
 * Which models stay in memory and which are stopped, apart from what jobs need: what an operator loads,
 * unloads and pins, what is preloaded, and what has been idle for too long.
 *
 * @module
 */
import { meaningOf } from "./names.ts";
import { isOurs } from "./orders.ts";
import { nameIndex, namesOf } from "./resolve.ts";
import { anywhere, type Place, placeKey, type Pool, type State, type Worker } from "./state.ts";
import { holdersOf, isAt, isPinned, isStaying, isUsable, usedSlots } from "./workers.ts";

/** Whether a place's model is loaded there. */
export function isLoadedAt(state: Readonly<State>, place: Place): boolean {
  return some(
    holdersOf(state, place.fingerprint),
    (worker) => isAt(worker, place) && isUsable(state, worker),
  );
}

/** Whether a worker holds a place's model there or is about to, and is not stopping. */
export function isComingAt(state: Readonly<State>, place: Place): boolean {
  return some(
    holdersOf(state, place.fingerprint),
    (worker) => isAt(worker, place) && isStaying(state, worker),
  );
}

/**
 * Unloads a model at a place: its workers take no more jobs, and are stopped when their jobs have ended.
 * A waiting or later job loads the model again.
 */
export function unload(state: State, place: Place): void {
  for (const [key, wish] of state.wishes) if (covers(place, wish)) state.wishes.delete(key);
  for (const worker of holdersOf(state, place.fingerprint)) {
    if (isAt(worker, place)) worker.leaving = "unload";
  }
  for (const spawn of state.spawns.values()) {
    if (covers(place, spawn)) spawn.isCancelled = true;
  }
}

/** Lets workers leave that have been idle for as long as their model may be. */
export function endIdle(state: State, now: number): void {
  for (const worker of state.workers.values()) {
    if (usedSlots(worker) > 0 || !isUsable(state, worker) || isPinned(state, worker)) continue;
    if (state.lines.has(worker.report.fingerprint)) continue;
    if (now >= endOf(state, worker)) worker.leaving = "idle";
  }
}

/**
 * When an idle worker may leave. A client's `keep_alive` lets only a worker leave earlier that nobody else
 * has used, and that no person started.
 */
function endOf(state: Readonly<State>, worker: Worker): number {
  const { keepUntil, lastUsedAt } = worker;
  if (keepUntil !== undefined && !worker.isShared && isOurs(worker)) return keepUntil;
  const ttlMs = ttlOf(state, worker);
  return ttlMs === 0 ? Infinity : Math.max(lastUsedAt + ttlMs, keepUntil ?? 0);
}

/**
 * When a worker is expected to leave, as things stand: at once if it is leaving already. One with work counts
 * as if that ended now.
 *
 * @param now By the steady clock, as is the result.
 * @returns Infinity if it stays
 */
export function expectedEnd(state: Readonly<State>, worker: Worker, now: number): number {
  const { leaving, stoppingSince, jobs, report, keepUntil } = worker;
  if (leaving !== undefined || stoppingSince !== undefined) return now;
  if (isPinned(state, worker)) return Infinity;
  if (usedSlots(worker) === 0 && !state.lines.has(report.fingerprint)) {
    return Math.max(now, endOf(state, worker));
  }
  const kept = [...jobs].flatMap((id) => state.running.get(id)?.keepMs ?? []).map((ms) => now + ms);
  const until = Math.max(keepUntil ?? -Infinity, ...kept);
  return endOf(state, {
    ...worker,
    lastUsedAt: now,
    keepUntil: until === -Infinity ? undefined : until,
  });
}

/** Wishes for the models to preload that a pool newly has. */
export function preloadFrom(state: State, pool: Pool, before: Pool | undefined): void {
  if (state.policy.preload.length === 0) return;
  const isSame = before?.instanceId === pool.instanceId;
  const had = new Set(isSame ? before.models.map(({ fingerprint }) => fingerprint) : []);
  for (const fingerprint of preloaded(state)) {
    if (had.has(fingerprint)) continue;
    if (pool.models.some((model) => model.fingerprint === fingerprint)) wish(state, fingerprint);
  }
}

/** Wishes again for a model to preload whose worker has ended without being stopped. */
export function preloadAgain(state: State, { report, leaving, stoppingSince }: Worker): void {
  if (leaving !== undefined || stoppingSince !== undefined) return;
  if (preloaded(state).has(report.fingerprint)) wish(state, report.fingerprint);
}

/** Wishes for every model to preload, after the list has changed. */
export function preloadAll(state: State): void {
  for (const [key, { isPreload }] of state.wishes) if (isPreload) state.wishes.delete(key);
  for (const fingerprint of preloaded(state)) wish(state, fingerprint);
}

/** Ends operators' wishes for a model. A model to preload stays wished for, and is tried again later. */
export function giveUp(state: State, fingerprint: string): void {
  for (const [key, wish] of state.wishes) {
    if (wish.fingerprint === fingerprint && !wish.isPreload) state.wishes.delete(key);
  }
}

function wish(state: State, fingerprint: string): void {
  const place = anywhere(fingerprint);
  const key = placeKey(place);
  if (!state.wishes.has(key)) state.wishes.set(key, { ...place, isPreload: true });
}

/** Fingerprints of the models to preload that some pool has; ambiguous names are left out. */
function preloaded(state: Readonly<State>): Set<string> {
  const found = new Set<string>();
  if (state.policy.preload.length === 0) return found;
  const index = nameIndex(state.pools.values());
  for (const name of state.policy.preload) {
    const fingerprints = [...index.get(targetOf(state, name))?.keys() ?? []];
    if (fingerprints.length === 1) found.add(fingerprints[0]!);
  }
  return found;
}

/** Names of models to preload that mean no model or several, with the reason for people. */
export function notPreloaded(state: Readonly<State>): Map<string, string> {
  const found = new Map<string, string>();
  const index = nameIndex(state.pools.values());
  for (const name of state.policy.preload) {
    const count = index.get(targetOf(state, name))?.size ?? 0;
    if (count === 0) found.set(name, "no known pool has it");
    if (count > 1) found.set(name, "pools report it with different contents");
  }
  return found;
}

/** The model that a name stands for; its own name if it is not configured. */
function targetOf({ policy }: Readonly<State>, name: string): string {
  return meaningOf(policy.names, name).choices[0].model;
}

function ttlOf(state: Readonly<State>, { poolId, report }: Worker): number {
  const { idleTtlMs, idleTtlOf } = state.policy;
  const model = state.pools.get(poolId)?.models.find(({ fingerprint }) =>
    fingerprint === report.fingerprint
  );
  for (const name of model ? namesOf(model) : [report.model_ref]) {
    const own = idleTtlOf.get(name);
    if (own !== undefined) return own;
  }
  return idleTtlMs;
}

/** Whether a place includes all of another one. */
function covers(place: Place, other: Place): boolean {
  return place.fingerprint === other.fingerprint &&
    (place.poolId === undefined || place.poolId === other.poolId) &&
    (place.device === undefined || place.device === other.device);
}

function some<T>(values: Iterable<T>, is: (value: T) => boolean): boolean {
  for (const value of values) if (is(value)) return true;
  return false;
}
