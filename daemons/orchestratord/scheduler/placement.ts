/**
 * Where a model that jobs wait for is loaded, and which workers are stopped for it.
 *
 * @module
 */
import { type Device, devicesOf, kindAt, shareOn } from "#shared/contracts/mod.ts";
import type { Job } from "./job.ts";
import {
  type Claims,
  claimsIn,
  fitsNow,
  type FittingSite,
  freeOn,
  type Site,
  sitesOf,
  takesOf,
} from "./sites.ts";
import { type Breaker, breakerKey, type Place, type State, type Worker } from "./state.ts";
import { holdersOf, isPinned, isUsable, poolsOnTrial, usedSlots, workersOf } from "./workers.ts";

/** What to do about a model that no worker holds. */
export type LoadPlan =
  | { readonly kind: "spawn"; readonly site: FittingSite }
  /** Stop the victims and start the worker; the pool waits for their memory. */
  | { readonly kind: "evict"; readonly site: FittingSite; readonly victims: readonly Worker[] }
  /** Give busy workers no new jobs, so that they can be evicted once their jobs have ended. */
  | { readonly kind: "yield"; readonly victims: readonly Worker[] }
  | { readonly kind: "wait"; readonly reason: string }
  | {
    readonly kind: "impossible";
    readonly code: LoadError;
    readonly message: string;
    /** Overrides the default of the error code. */
    readonly retriable?: boolean;
    /** When the next start is tried, in ms from now. */
    readonly retryAfterMs?: number;
  };

/** Why a model cannot be loaded anywhere. */
export type LoadError = "INSUFFICIENT_MEMORY" | "WORKER_START_FAILED";

/**
 * Decides what to do for a model, in this order:
 *
 * 1. impossible, if no place that may be used without being named is large enough, if its pinned models
 *    leave too little room, or if starts have failed too often on every pool;
 * 2. spawn at a place where it fits now: the whole model before a part of it (`gpu_layers = fit`), GPUs
 *    before the CPU, one device before several, then most free memory;
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
  const there = sitesOf(state, fingerprint, place.device).filter(({ pool, device }) => {
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
  const large = all.filter((site) =>
    isUnknown(site.device) || claimsIn(site, ({ total_bytes }) => total_bytes)
  );
  if (large.length === 0) return tooLarge(all, there);
  const allowed = large.filter((site) =>
    isUnknown(site.device) ||
    claimsIn(site, (device) => device.total_bytes - pinnedOn(state, site, device))
  );
  if (allowed.length === 0) return pinnedAway(state, large);

  const breakerOf = ({ pool }: Site) => state.breakers.get(breakerKey(pool.id, fingerprint));
  const open = allowed.filter((site) => (breakerOf(site)?.retryAt ?? 0) <= now).sort(bySite);
  if (open.length === 0) return broken(state, allowed.map(breakerOf), now);

  const best = bestOf(open.filter(fitsNow));
  if (best) return { kind: "spawn", site: best };
  for (const site of open) {
    const room = roomWithout(state, site, (worker) => mayGo(state, worker, now));
    if (room) {
      return { kind: "evict", site: { ...site, claims: room.claims }, victims: room.victims };
    }
  }
  if (waitedMs >= state.policy.swapPatienceMs) {
    for (const site of open) {
      const room = roomWithout(
        state,
        site,
        (worker) => mayGo(state, worker, now) || mayYield(state, worker, fingerprint, now),
      );
      if (room) return { kind: "yield", victims: room.victims };
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
 * Where a model whose slots are all taken is loaded once more: on other devices of a kind that holds it
 * already, where it fits now without evicting a worker; undefined where there are none.
 */
export function planReplica(
  state: Readonly<State>,
  fingerprint: string,
  now: number,
): FittingSite | undefined {
  const holders = [...holdersOf(state, fingerprint)];
  const isHeld = ({ pool, parts }: Site) =>
    holders.some(({ poolId, report }) =>
      poolId === pool.id && parts.some(({ id }) => devicesOf(report.device).includes(id))
    );
  const all = sitesOf(state, fingerprint);
  const kinds = new Set(all.filter(isHeld).map(({ device }) => device.kind));
  return all
    .filter(fitsNow)
    .filter((site) => site.claims.isWhole && !isHeld(site) && kinds.has(site.device.kind))
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
    .filter(fitsNow)
    .filter(({ pool }) =>
      (state.breakers.get(breakerKey(pool.id, fingerprint))?.retryAt ?? 0) <= now
    )
    .sort(bySite);
  if (fitting[0]) return { kind: "spawn", site: fitting[0] };
  const mayFit = now - waitingSince < SETTLE_MS ||
    sites.some((site) => !fitsNow(site) && roomWithout(state, site, () => false));
  if (mayFit) return { kind: "wait", reason: "memory is about to become free" };
  const message = "There is no room to try the job alone";
  return { kind: "impossible", code: "INSUFFICIENT_MEMORY", message };
}

function kindOf(
  state: Readonly<State>,
  { poolId, report }: Worker,
): Device["kind"] | undefined {
  return kindAt(state.pools.get(poolId)?.devices ?? [], report.device);
}

/** @param there All devices, with those that are used only when named. */
function tooLarge(all: readonly Site[], there: readonly Site[]): LoadPlan {
  const best = all.toSorted((a, b) => b.device.total_bytes - a.device.total_bytes)[0]!;
  const spare = there.find((site) => claimsIn(site, ({ total_bytes }) => total_bytes));
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

function pinnedWorkers(state: Readonly<State>, site: Site): Worker[] {
  return workersAt(state, site).filter((worker) =>
    worker.stoppingSince === undefined && isPinned(state, worker)
  );
}

/** Bytes of pinned workers on a device of a site. */
function pinnedOn(state: Readonly<State>, site: Site, { id }: Device): number {
  return pinnedWorkers(state, site)
    .reduce((sum, { report }) => sum + shareOn(report, id), 0);
}

function pinnedBytes(state: Readonly<State>, site: Site): number {
  return site.parts.reduce((sum, device) => sum + pinnedOn(state, site, device), 0);
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

/** Workers that take memory of any device of a site. */
function workersAt(state: Readonly<State>, site: Site): Worker[] {
  return workersOf(state, site.pool.id).filter(({ report }) => takesOf(site, report));
}

function broken(
  state: Readonly<State>,
  breakers: readonly (Breaker | undefined)[],
  now: number,
): LoadPlan {
  const lastError = breakers.find((each) => each)?.lastError ?? "";
  const { breakerFailures } = state.policy;
  return breakers.every((each) => each && (each.isFinal || each.failures >= breakerFailures))
    ? {
      kind: "impossible",
      code: "WORKER_START_FAILED",
      message: `No worker could be started for the model: ${lastError}`,
      ...(breakers.every((each) => each?.isFinal)
        ? { retriable: false }
        : { retryAfterMs: Math.ceil(Math.min(...breakers.map((each) => each!.retryAt)) - now) }),
    }
    : { kind: "wait", reason: `a worker failed to start and is tried again: ${lastError}` };
}

/** The first site whose GPUs hold the whole model, else the most GPUs that hold a part, else the first. */
function bestOf(fitting: readonly FittingSite[]): FittingSite | undefined {
  const onGpus = fitting.filter(({ device }) => device.kind !== "cpu");
  return onGpus.find(({ claims }) => claims.isWhole) ??
    onGpus.toSorted((a, b) => b.parts.length - a.parts.length)[0] ?? fitting[0];
}

function bySite(a: Site, b: Site): number {
  return Number(a.device.kind === "cpu") - Number(b.device.kind === "cpu") ||
    a.parts.length - b.parts.length || b.free - a.free ||
    (a.pool.id + a.device.id < b.pool.id + b.device.id ? -1 : 1);
}

/** Workers to stop for a model, and what it takes then. */
interface Room {
  readonly victims: readonly Worker[];
  readonly claims: Claims;
}

/**
 * Workers at a site to stop for a model: idle ones first, then least recently used; undefined where
 * stopping all that may be stopped would not free enough.
 */
function roomWithout(
  state: Readonly<State>,
  site: Site,
  may: (worker: Worker) => boolean,
): Room | undefined {
  const there = workersAt(state, site);
  // The memory of workers that are stopping already will become free, too.
  const stopping = there.filter(({ stoppingSince }) => stoppingSince !== undefined);
  const claimsWithout = (victims: readonly Worker[]) =>
    claimsIn(site, (device) =>
      [...stopping, ...victims].reduce(
        (free, { report }) => free + shareOn(report, device.id),
        freeOn(state, site.pool, device),
      ));
  let victims: Worker[] = [];
  let claims = claimsWithout(victims);
  // One that holds no memory, in front of a server elsewhere, would free none.
  const able = there.filter((worker) =>
    isUsable(state, worker) && !isPinned(state, worker) && may(worker) &&
    worker.report.memory_bytes > 0
  );
  for (
    const worker of able.sort((a, b) => usedSlots(a) - usedSlots(b) || a.lastUsedAt - b.lastUsedAt)
  ) {
    if (claims) break;
    victims.push(worker);
    claims = claimsWithout(victims);
  }
  if (!claims) return undefined;
  // On several devices, some of them may not have been in the way.
  if (site.parts.length > 1) {
    for (const worker of victims.toReversed()) {
      const fewer = victims.filter((each) => each !== worker);
      const without = claimsWithout(fewer);
      if (without) [victims, claims] = [fewer, without];
    }
  }
  return { victims, claims };
}

/** Whether an idle worker may be evicted: it has served a job, or its minimum residence is over. */
function mayGo(state: Readonly<State>, worker: Worker, now: number): boolean {
  return usedSlots(worker) === 0 && (worker.served || isResident(state, worker, now));
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
