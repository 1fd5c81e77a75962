/**
 * Replaces one model of a pool by another, in this order:
 *
 * 1. the reload fails when the pool is gone or drained, or when the new model's worker failed to start or
 *    was not ready in time; the old model continues to serve, or is loaded again if it was stopped;
 * 2. once the new model serves on the pool, the old one takes no new jobs and its workers are stopped;
 * 3. until then, the new model is loaded on a device of the old one's kind, where both fit;
 * 4. where they do not both fit, the old model is stopped first.
 *
 * A restart of orchestratord ends a reload where it is.
 *
 * @module
 */
import { type Device, kindAt, shareOn } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { defaultLoadBytes } from "./load_size.ts";
import { retire } from "./drain.ts";
import { startSpawn } from "./orders.ts";
import { claimsIn, fitsNow, type FittingSite, freeOn, sitesOf } from "./sites.ts";
import {
  breakerKey,
  type Effect,
  type NewReload,
  placeKey,
  type Reload,
  type State,
  type Worker,
} from "./state.ts";
import { isLoading, isUsable, workersOf } from "./workers.ts";

/**
 * Checks that a reload can begin.
 *
 * @throws {LlorchError} `NOT_FOUND`, `POOL_UNAVAILABLE`, `CONFLICT`, `MODEL_NOT_FOUND` or
 * `INSUFFICIENT_MEMORY`
 */
export function checkReload(state: Readonly<State>, reload: NewReload): void {
  const { poolId, from, to, fromRef, toRef } = reload;
  const what = `Cannot replace "${fromRef}" by "${toRef}" on pool "${poolId}"`;
  const pool = state.pools.get(poolId);
  if (!pool) throw new LlorchError("NOT_FOUND", `${what}: no such pool is known`);
  if (!pool.available) throw new LlorchError("POOL_UNAVAILABLE", `${what}: it cannot be reached`);
  if (state.drains.has(poolId)) throw new LlorchError("CONFLICT", `${what}: it is drained`);
  if (isUnderWay(state.reloads.get(poolId))) {
    throw new LlorchError("CONFLICT", `${what}: another reload of it is under way`);
  }
  if (from === to) throw new LlorchError("CONFLICT", `${what}: both are the same model`);
  const model = pool.models.find(({ fingerprint }) => fingerprint === to);
  if (!model) {
    throw new LlorchError(
      "MODEL_NOT_FOUND",
      `${what}: it does not have "${toRef}"; it has ${
        pool.models.map(({ model_ref }) => model_ref).slice(0, 8).join(", ") || "no models"
      }`,
    );
  }
  const old = oldOnes(state, reload);
  if (old.length === 0) throw new LlorchError("CONFLICT", `${what}: no worker holds "${fromRef}"`);
  const kind = kindOf(state, old[0]!);
  const needed = defaultLoadBytes(model, kind);
  const without = (device: Device) =>
    old.reduce((sum, { report }) => sum + shareOn(report, device.id), freeOn(state, pool, device));
  const sites = sitesOf(state, to)
    .filter((site) => site.pool.id === poolId && site.device.kind === kind);
  if (sites.some((site) => claimsIn(site, without))) return;
  const free = Math.max(
    0,
    ...sites.map(({ parts }) => parts.reduce((sum, part) => sum + without(part), 0)),
  );
  throw new LlorchError(
    "INSUFFICIENT_MEMORY",
    `${what}: it needs ${needed} bytes, and ${free} would be free without "${fromRef}"`,
    { details: { needed_bytes: needed, free_bytes: free } },
  );
}

/** Begins a reload that {@linkcode checkReload} has accepted. */
export function beginReload(state: State, reload: NewReload, now: number): void {
  const [old] = oldOnes(state, reload);
  if (!old) return;
  state.reloads.set(reload.poolId, {
    ...reload,
    kind: kindOf(state, old),
    failsAt: now + reload.streamsMs + state.policy.spawnTimeoutMs,
    stage: "loading",
    requestId: undefined,
    streamsUntil: undefined,
    error: undefined,
  });
}

/** Whether a reload has not ended. */
export function isUnderWay(reload: Reload | undefined): reload is Reload {
  return reload?.stage === "loading" || reload?.stage === "retiring";
}

/** Takes the next step of every reload that can go on now. */
export function advanceReloads(state: State, now: number, effects: Effect[]): void {
  for (const reload of state.reloads.values()) {
    if (reload.stage === "loading") load(state, reload, now, effects);
    if (reload.stage === "retiring") {
      retireOld(state, reload, now, effects);
      if (oldOnes(state, reload).length === 0) reload.stage = "done";
    }
  }
}

function load(state: State, reload: Reload, now: number, effects: Effect[]): void {
  const { poolId, to, requestId } = reload;
  // 1
  const pool = state.pools.get(poolId);
  if (!pool || state.drains.has(poolId)) return fail(state, reload, "the pool left service");
  // 2
  const isServed = workersOf(state, poolId)
    .some((worker) => worker.report.fingerprint === to && isUsable(state, worker));
  if (isServed) {
    reload.stage = "retiring";
    reload.streamsUntil ??= now + reload.streamsMs;
    return;
  }
  // 1
  if (requestId !== undefined && !state.spawns.has(requestId)) {
    const lastError = state.breakers.get(breakerKey(poolId, to))?.lastError;
    return fail(state, reload, lastError ?? "the new model's worker ended");
  }
  if (now >= reload.failsAt) return fail(state, reload, "the new model was not ready in time");
  if (requestId !== undefined || !pool.available || isLoading(state, to)) return;
  // 3
  const site = siteFor(state, reload);
  if (site) {
    const effect = startSpawn(state, site, now);
    reload.requestId = effect.spawn.requestId;
    effects.push(effect);
    return;
  }
  // 4
  reload.streamsUntil ??= now + reload.streamsMs;
  retireOld(state, reload, now, effects);
}

function siteFor(state: Readonly<State>, { poolId, to, kind }: Reload): FittingSite | undefined {
  return sitesOf(state, to)
    .filter(({ pool, device }) => pool.id === poolId && device.kind === kind)
    .filter(fitsNow)
    .sort((a, b) => a.parts.length - b.parts.length || b.free - a.free)[0];
}

function retireOld(state: State, reload: Reload, now: number, effects: Effect[]): void {
  const until = reload.streamsUntil ?? Infinity;
  for (const worker of oldOnes(state, reload)) {
    retire(state, worker, { until, reason: "reload" }, now, effects);
  }
}

function fail(state: State, reload: Reload, error: string): void {
  reload.stage = "failed";
  reload.error = error;
  const isThere = oldOnes(state, reload).some((worker) => isUsable(state, worker));
  if (isThere || !state.pools.has(reload.poolId)) return;
  const place = { fingerprint: reload.from, poolId: reload.poolId, device: undefined };
  state.wishes.set(placeKey(place), { ...place, isPreload: false });
}

/** Workers of the pool that hold the replaced model. */
function oldOnes(
  state: Readonly<State>,
  { poolId, from }: Pick<Reload, "poolId" | "from">,
): Worker[] {
  return workersOf(state, poolId).filter(({ report }) => report.fingerprint === from);
}

function kindOf(state: Readonly<State>, { poolId, report }: Worker): Reload["kind"] {
  return kindAt(state.pools.get(poolId)?.devices ?? [], report.device) ?? "cpu";
}
