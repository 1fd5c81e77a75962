/**
 * Where a model that jobs wait for is loaded, and which workers are stopped for it.
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
  /** Bytes that the model takes on the device. */
  readonly needed: number;
  /** Free bytes less what running spawns will take; may be negative. */
  readonly free: number;
  /** Whether main memory is too small for the layers that are not on the device: now, or always. */
  readonly lacksHost: "now" | "ever" | undefined;
}

/** What to do about a model that no worker holds. */
export type LoadPlan =
  | { readonly kind: "spawn"; readonly site: Site }
  /** Stop the victims and start the worker; the pool waits for their memory. */
  | { readonly kind: "evict"; readonly site: Site; readonly victims: readonly Worker[] }
  /** Give busy workers no new jobs, so that they can be evicted once their jobs have ended. */
  | { readonly kind: "yield"; readonly victims: readonly Worker[] }
  | { readonly kind: "wait"; readonly reason: string }
  | {
    readonly kind: "impossible";
    readonly code: LoadError;
    readonly message: string;
    /** Overrides the default of the error code. */
    readonly retriable?: boolean;
  };

/** Why a model cannot be loaded anywhere. */
export type LoadError = "INSUFFICIENT_MEMORY" | "WORKER_START_FAILED";

/**
 * Decides what to do for a model, in this order:
 *
 * 1. impossible, if no device that may be used without being named is large enough, if its pinned models
 *    leave too little room, or if starts have failed too often on every pool;
 * 2. spawn on a device where it fits now: GPUs before the CPU, then most free memory;
 * 3. evict idle workers, least recently used first, where it fits without them and without the workers
 *    that are stopping already; a pinned worker stays, and one that was just loaded stays until it has
 *    served a job or its minimum residence is over;
 * 4. once the model has waited longer than `swapPatienceMs`, let busy workers yield whose minimum
 *    residence is over;
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
    // The model has just made room there for the one that replaces it.
    return reload?.stage !== "loading" || reload.from !== fingerprint;
  });
  if (there.length === 0) {
    return {
      kind: "wait",
      reason: "every pool that has the model is drained or cannot be reached",
    };
  }
  const all = there.filter(({ device }) => place.device !== undefined || !device.asked_only);
  if (all.length === 0) {
    return { kind: "wait", reason: "its devices are used only when they are named" };
  }
  // The size of a device that never answered is not known.
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
 * Where a model whose slots are all taken is loaded once more: on another device of a kind that holds it
 * already, where it fits now without evicting a worker; undefined where there is none.
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

/** The memory of a worker that has ended may show as used for this long, in ms. */
const SETTLE_MS = 5_000;

/**
 * Where a model is loaded once more to try a job alone: on a pool where no other job is tried, without
 * evicting a worker. Waits while memory on such a pool may become free anyway.
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
  if (mayFit) return { kind: "wait", reason: "memory is about to become free" };
  const message = "There is no room to try the job alone";
  return { kind: "impossible", code: "INSUFFICIENT_MEMORY", message };
}

function kindOf(
  state: Readonly<State>,
  { poolId, report }: Worker,
): Device["kind"] | undefined {
  return state.pools.get(poolId)?.devices.find(({ id }) => id === report.device)?.kind;
}

/** @param there All devices, with those that are used only when named. */
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

/** Whether a device has never worked: its size is not known. */
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

/** Every device of the pools in service that have the model, with its free memory. */
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
 * Bytes that are free on a device, less what requested workers will take. Never more than the total less
 * what its workers take: file pages that they have mapped show as free although they need them.
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
 * Workers of a device to stop for a model: idle ones first, then least recently used; undefined where
 * stopping all that may be stopped would not free enough.
 */
function victimsFor(
  state: Readonly<State>,
  { pool, device, free, needed }: Site,
  may: (worker: Worker) => boolean,
): Worker[] | undefined {
  const there = onDevice(state, pool, device);
  // The memory of workers that are stopping already will become free, too.
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

/** Whether an idle worker may be evicted: it has served a job, or its minimum residence is over. */
function mayGo(state: Readonly<State>, worker: Worker, now: number): boolean {
  return worker.jobs.size === 0 && (worker.served || isResident(state, worker, now));
}

/** Whether a busy worker may yield to a model: not if it yields to another model already. */
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
