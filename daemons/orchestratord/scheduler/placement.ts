/**
 * Where a model is loaded that jobs wait for, and what has to go for it.
 *
 * @module
 */
import type { Device, PoolModel } from "#shared/contracts/mod.ts";
import { defaultHostBytes, defaultLoadBytes } from "./load_size.ts";
import type { Job } from "./job.ts";
import {
  type Breaker,
  breakerKey,
  type Place,
  type Pool,
  type State,
  type Worker,
} from "./state.ts";
import { holdersOf, isInService, isPinned, isUsable, poolsOnTrial, workersOf } from "./workers.ts";

/** A device on which a model could be loaded. */
export interface Site {
  readonly pool: Pool;
  readonly device: Device;
  readonly model: PoolModel;
  readonly needed: number;
  /** Free bytes less what running spawns will take. */
  readonly free: number;
  /** Whether the machine has no room for the layers that are not on the device. */
  readonly lacksHost: "now" | "ever" | undefined;
}

/** What to do about a model that no worker holds. */
export type LoadPlan =
  | { readonly kind: "spawn"; readonly site: Site }
  /** The pool waits for the memory of its victims. */
  | { readonly kind: "evict"; readonly site: Site; readonly victims: readonly Worker[] }
  /** Workers that are busy take no new job, so that they can be evicted when theirs have ended. */
  | { readonly kind: "yield"; readonly victims: readonly Worker[] }
  | { readonly kind: "wait"; readonly reason: string }
  | {
    readonly kind: "impossible";
    readonly code: LoadError;
    readonly message: string;
    /** Where it is not what the code's table says. */
    readonly retriable?: boolean;
  };

/** Why a model cannot be loaded anywhere. */
export type LoadError = "INSUFFICIENT_MEMORY" | "WORKER_START_FAILED";

/**
 * What to do for a model. In this order:
 *
 * 1. impossible, if no device that may be used unasked is large enough, or would be without its pinned
 *    models, or if every pool has failed too often;
 * 2. spawn on a device on which it fits now: GPUs before the CPU, then most free memory;
 * 3. evict idle workers, least recently used first, where it fits once they have gone, and those that
 *    are on their way already; a pinned one stays, and one that was just loaded stays until it has
 *    served, at least for its minimum residence;
 * 4. after the patience, let workers that are busy and have had their minimum residence yield;
 * 5. wait.
 *
 * @param waitedMs How long the first job of the model has waited.
 */
export function planLoad(
  state: Readonly<State>,
  place: Place,
  waitedMs: number,
  now: number,
): LoadPlan {
  const { fingerprint } = place;
  const there = sitesOf(state, fingerprint).filter(({ pool, device }) => {
    if ((place.poolId ?? pool.id) !== pool.id) return false;
    if ((place.device ?? device.id) !== device.id) return false;
    const reload = state.reloads.get(pool.id);
    // It has just made room there for the model that replaces it.
    return reload?.stage !== "loading" || reload.from !== fingerprint;
  });
  if (there.length === 0) {
    return {
      kind: "wait",
      reason: "every pool that has the model is drained or cannot be reached",
    };
  }
  const all = there.filter(({ device }) => place.device !== undefined || !device.asked_only);
  if (all.length === 0) return { kind: "wait", reason: "its devices are used when named alone" };
  // Of one that could never be asked, nobody knows how large it is.
  const large = all.filter(({ needed, device }) =>
    needed <= device.total_bytes || isUnknown(device)
  ).filter(({ lacksHost }) => lacksHost !== "ever");
  if (large.length === 0) return tooLarge(all, there);
  const allowed = large.filter((site) =>
    site.needed <= site.device.total_bytes - pinnedBytes(state, site) || isUnknown(site.device)
  );
  if (allowed.length === 0) return pinnedAway(state, large);

  const breakerOf = ({ pool }: Site) => state.breakers.get(breakerKey(pool.id, fingerprint));
  const open = allowed.filter((site) => (breakerOf(site)?.retryAt ?? 0) <= now).sort(bySite);
  if (open.length === 0) return broken(state, allowed.map(breakerOf));

  const fitting = open.find(({ needed, free, lacksHost }) => needed <= free && !lacksHost);
  if (fitting) return { kind: "spawn", site: fitting };
  const roomy = open.filter(({ lacksHost }) => !lacksHost);
  for (const site of roomy) {
    const victims = victimsFor(state, site, (worker) => mayGo(state, worker, now));
    if (victims) return { kind: "evict", site, victims };
  }
  if (waitedMs >= state.policy.swapPatienceMs) {
    for (const site of roomy) {
      const victims = victimsFor(
        state,
        site,
        (worker) => mayGo(state, worker, now) || mayYield(state, worker, fingerprint, now),
      );
      if (victims) return { kind: "yield", victims };
    }
  }
  const [first] = open;
  return {
    kind: "wait",
    reason: open.every(({ device }) => device.unavailable !== undefined)
      ? `${first!.device.id} of pool ${first!.pool.id} cannot be used: ${first!.device.unavailable}`
      : "memory is held by busy workers or other programs",
  };
}

/**
 * Where a model whose slots are all taken is loaded once more: on a device of a kind that holds it
 * already and not this very one, where it fits now. Nothing has to go for it.
 */
export function planReplica(
  state: Readonly<State>,
  fingerprint: string,
  now: number,
): Site | undefined {
  const holders = [...holdersOf(state, fingerprint)];
  const isHeld = ({ pool, device }: Site) =>
    holders.some(({ poolId, report }) => poolId === pool.id && report.device === device.id);
  const all = sitesOf(state, fingerprint);
  const kinds = new Set(all.filter(isHeld).map(({ device }) => device.kind));
  return all
    .filter((site) =>
      site.needed <= site.free && !site.lacksHost && !isHeld(site) && kinds.has(site.device.kind)
    )
    .filter(({ device }) => !device.asked_only)
    .filter(({ pool }) =>
      (state.breakers.get(breakerKey(pool.id, fingerprint))?.retryAt ?? 0) <= now
    )
    .sort(bySite)[0];
}

/** So long after a worker has gone its memory may still show as used, in ms. */
const SETTLE_MS = 5_000;

/**
 * Where a model is loaded once more to try a job alone, and nothing has to go for it: on a pool that tries
 * nothing else. It waits while such a pool may get the room by itself.
 */
export function planTrial(
  state: Readonly<State>,
  { fingerprint, waitingSince }: Pick<Job, "fingerprint" | "waitingSince">,
  now: number,
): Extract<LoadPlan, { kind: "spawn" | "wait" | "impossible" }> {
  const busy = poolsOnTrial(state);
  const holders = [...holdersOf(state, fingerprint)];
  const kinds = new Set(holders.flatMap((worker) => kindOf(state, worker) ?? []));
  const sites = sitesOf(state, fingerprint).filter(({ device, pool }) =>
    !device.asked_only && !busy.has(pool.id) && (kinds.size === 0 || kinds.has(device.kind))
  );
  if (sites.length === 0) return { kind: "wait", reason: "no pool can try it alone now" };
  const fitting = sites
    .filter(({ pool, needed, free, lacksHost }) =>
      needed <= free && !lacksHost &&
      (state.breakers.get(breakerKey(pool.id, fingerprint))?.retryAt ?? 0) <= now
    )
    .sort(bySite);
  if (fitting[0]) return { kind: "spawn", site: fitting[0] };
  const mayFit = now - waitingSince < SETTLE_MS ||
    sites.some((site) => victimsFor(state, site, () => false) && site.needed > site.free);
  if (mayFit) return { kind: "wait", reason: "memory is about to be free" };
  const message = "There is no room to try the job alone";
  return { kind: "impossible", code: "INSUFFICIENT_MEMORY", message };
}

function kindOf(
  state: Readonly<State>,
  { poolId, report }: Worker,
): Device["kind"] | undefined {
  return state.pools.get(poolId)?.devices.find(({ id }) => id === report.device)?.kind;
}

/** @param there All devices that could be named. */
function tooLarge(all: readonly Site[], there: readonly Site[]): LoadPlan {
  const best = all.toSorted((a, b) => b.device.total_bytes - a.device.total_bytes)[0]!;
  const spare = there.find(({ device, needed }) => needed <= device.total_bytes);
  return {
    kind: "impossible",
    code: "INSUFFICIENT_MEMORY",
    message: `The model needs about ${mebibytes(best.needed)} MiB and the largest device, ` +
      `${best.device.id} of pool ${best.pool.id}, has ${mebibytes(best.device.total_bytes)} MiB` +
      (spare
        ? `; load it on ${spare.device.id} of pool ${spare.pool.id} by name, or set devices.cpu there`
        : ""),
  };
}

/** Whether a device was never seen at work. */
function isUnknown({ total_bytes, unavailable }: Device): boolean {
  return total_bytes === 0 && unavailable !== undefined;
}

function pinnedWorkers(state: Readonly<State>, { pool, device }: Site): Worker[] {
  return onDevice(state, pool, device).filter((worker) =>
    worker.stoppingSince === undefined && isPinned(state, worker)
  );
}

function pinnedBytes(state: Readonly<State>, site: Site): number {
  return pinnedWorkers(state, site).reduce((sum, { report }) => sum + report.memory_bytes, 0);
}

function pinnedAway(state: Readonly<State>, large: readonly Site[]): LoadPlan {
  const best = large.toSorted((a, b) => pinnedBytes(state, a) - pinnedBytes(state, b))[0]!;
  const { pool, device, needed } = best;
  const names = [
    ...new Set(pinnedWorkers(state, best).map(({ report }) => report.model_ref)),
  ].join(", ");
  return {
    kind: "impossible",
    code: "INSUFFICIENT_MEMORY",
    message: `The model needs about ${mebibytes(needed)} MiB and of the ` +
      `${
        mebibytes(device.total_bytes)
      } MiB of ${device.id} of pool ${pool.id}, pinned models hold ` +
      `${mebibytes(pinnedBytes(state, best))} MiB (${names}); unpin one of them`,
  };
}

function onDevice(state: Readonly<State>, pool: Pool, device: Device): Worker[] {
  return workersOf(state, pool.id).filter(({ report }) => report.device === device.id);
}

function broken(
  state: Readonly<State>,
  breakers: readonly (Breaker | undefined)[],
): LoadPlan {
  const lastError = breakers.find((each) => each)?.lastError ?? "";
  const { breakerFailures } = state.policy;
  return breakers.every((each) => each && (each.isFinal || each.failures >= breakerFailures))
    ? {
      kind: "impossible",
      code: "WORKER_START_FAILED",
      message: `No worker could be started for the model: ${lastError}`,
      ...(breakers.every((each) => each?.isFinal) ? { retriable: false } : {}),
    }
    : { kind: "wait", reason: `a worker failed to start and is tried again: ${lastError}` };
}

function bySite(a: Site, b: Site): number {
  return Number(a.device.kind === "cpu") - Number(b.device.kind === "cpu") || b.free - a.free ||
    (a.pool.id + a.device.id < b.pool.id + b.device.id ? -1 : 1);
}

/** Every device of a pool in service that has the model, with the room on it. */
export function sitesOf(state: Readonly<State>, fingerprint: string): Site[] {
  const found: Site[] = [];
  for (const pool of state.pools.values()) {
    if (!isInService(state, pool.id)) continue;
    const model = pool.models.find((each) => each.fingerprint === fingerprint);
    if (!model) continue;
    const host = pool.devices.find(({ kind }) => kind === "cpu");
    for (const device of pool.devices) {
      const { kind } = device;
      const beside = defaultHostBytes(model, kind);
      const lacksHost = !host || beside === 0
        ? undefined
        : beside > host.total_bytes
        ? "ever"
        : beside > freeOn(state, pool, host)
        ? "now"
        : undefined;
      const free = freeOn(state, pool, device);
      found.push({ pool, device, model, needed: defaultLoadBytes(model, kind), free, lacksHost });
    }
  }
  return found;
}

/**
 * What is free on a device, less what workers that were asked for will take; never more than it has
 * beside its workers: file pages that they have mapped show as free memory although they need them.
 */
function freeOn(state: Readonly<State>, pool: Pool, device: Device): number {
  const here = pool.workers.filter((worker) => worker.device === device.id);
  const seen = new Set(here.map(({ request_id }) => request_id));
  let free = device.free_bytes;
  let beside = device.total_bytes - here.reduce((sum, { memory_bytes }) => sum + memory_bytes, 0);
  for (const spawn of state.spawns.values()) {
    if (spawn.poolId !== pool.id || spawn.device !== device.id) continue;
    free -= spawn.memoryBytes;
    if (!seen.has(spawn.requestId)) beside -= spawn.memoryBytes;
  }
  return Math.min(free, beside);
}

/**
 * Workers of a device that go for a model: idle ones first, then least recently used; undefined
 * where not enough may go.
 */
function victimsFor(
  state: Readonly<State>,
  { pool, device, free, needed }: Site,
  may: (worker: Worker) => boolean,
): Worker[] | undefined {
  const there = onDevice(state, pool, device);
  // Memory of workers that are already on their way out will come back too.
  let left = needed - free;
  for (const { stoppingSince, report } of there) {
    if (stoppingSince !== undefined) left -= report.memory_bytes;
  }
  const victims: Worker[] = [];
  const able = there.filter((worker) =>
    isUsable(state, worker) && !isPinned(state, worker) && may(worker)
  );
  for (
    const worker of able.sort((a, b) => a.jobs.size - b.jobs.size || a.lastUsedAt - b.lastUsedAt)
  ) {
    if (left <= 0) break;
    victims.push(worker);
    left -= worker.report.memory_bytes;
  }
  return left <= 0 ? victims : undefined;
}

/** Whether an idle worker may be evicted: not before the job comes that it was loaded for. */
function mayGo(state: Readonly<State>, worker: Worker, now: number): boolean {
  return worker.jobs.size === 0 && (worker.served || isResident(state, worker, now));
}

/** Whether a busy worker may be kept from new jobs for a model: not if it is for another already. */
function mayYield(
  state: Readonly<State>,
  worker: Worker,
  fingerprint: string,
  now: number,
): boolean {
  for (const [other, ids] of state.swaps) {
    if (other !== fingerprint && ids.has(worker.report.worker_id)) return false;
  }
  return isResident(state, worker, now);
}

function isResident(state: Readonly<State>, { readySince }: Worker, now: number): boolean {
  return readySince !== undefined && now - readySince >= state.policy.swapMinResidentMs;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}
