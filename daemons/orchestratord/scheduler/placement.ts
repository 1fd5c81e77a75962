import type { Device, PoolModel, PoolWorker } from "#shared/contracts/mod.ts";
import { defaultLoadBytes } from "../pools/load_size.ts";
import { breakerKey, leases, type Pool, type State } from "./state.ts";

/** Where a job can run now. */
export interface Seat {
  readonly poolId: string;
  readonly worker: PoolWorker;
  readonly free: number;
}

/** A device on which a model could be loaded. */
interface Site {
  readonly pool: Pool;
  readonly device: Device;
  readonly model: PoolModel;
  readonly needed: number;
  /** Free bytes less what running spawns will take. */
  readonly free: number;
}

/** What to do about a model that no worker holds. */
export type LoadPlan =
  | { readonly kind: "spawn"; readonly site: Site }
  | {
    readonly kind: "evict";
    readonly site: Site;
    readonly victims: readonly { readonly pool: Pool; readonly worker: PoolWorker }[];
  }
  | { readonly kind: "wait"; readonly reason: string }
  | { readonly kind: "impossible"; readonly code: LoadError; readonly message: string };

/** Why a model cannot be loaded anywhere. */
export type LoadError = "INSUFFICIENT_MEMORY" | "WORKER_START_FAILED";

/** True for a worker that may take a job if it has a free slot. */
export function isUsable(state: State, pool: Pool, worker: PoolWorker): boolean {
  return pool.available && worker.state === "ready" && worker.uri !== undefined &&
    !state.stopping.has(worker.worker_id);
}

/**
 * Ready workers of a model with a free slot, best first: most free slots, fewest active, id.
 *
 * A worker that has just lost a job is left alone until its pool says that it is gone, or for the
 * first backoff.
 *
 * @param held Jobs by worker, from {@linkcode leases}.
 */
export function seats(
  state: State,
  fingerprint: string,
  held: ReadonlyMap<string, number>,
  now: number,
): Seat[] {
  const found: Seat[] = [];
  for (const pool of state.pools.values()) {
    for (const worker of pool.workers) {
      if (worker.fingerprint !== fingerprint || !isUsable(state, pool, worker)) continue;
      if ((state.suspects.get(worker.worker_id) ?? 0) > now) continue;
      const free = worker.slots - (held.get(worker.worker_id) ?? 0);
      if (free > 0) found.push({ poolId: pool.id, worker, free });
    }
  }
  return found.sort((a, b) =>
    b.free - a.free || a.worker.active - b.worker.active ||
    (a.worker.worker_id < b.worker.worker_id ? -1 : 1)
  );
}

/** Whether a usable worker holds the model, busy or not. */
export function isLoaded(state: State, fingerprint: string): boolean {
  return [...state.pools.values()].some((pool) =>
    pool.workers.some((worker) =>
      worker.fingerprint === fingerprint && isUsable(state, pool, worker)
    )
  );
}

/** Whether some worker holds the model or is about to: then waiters share it. */
export function isLoadedOrLoading(state: State, fingerprint: string): boolean {
  for (const spawn of state.spawns.values()) if (spawn.fingerprint === fingerprint) return true;
  for (const pool of state.pools.values()) {
    if (!pool.available) continue;
    for (const worker of pool.workers) {
      if (worker.fingerprint !== fingerprint || state.stopping.has(worker.worker_id)) continue;
      if (worker.state !== "draining" && worker.state !== "stopping") return true;
    }
  }
  return false;
}

/**
 * Where to load a model. In this order:
 *
 * 1. a device on which it fits now: GPUs before the CPU, then most free memory;
 * 2. a device on which it fits once idle workers have gone, least recently used first;
 * 3. wait, if memory is held by busy workers, or if a failed start is to be tried again;
 * 4. impossible, if no device is large enough or every pool has failed too often.
 */
export function planLoad(state: State, fingerprint: string, now: number): LoadPlan {
  const all = sites(state, fingerprint);
  if (all.length === 0) return { kind: "wait", reason: "no available pool has the model" };

  const large = all.filter(({ needed, device }) => needed <= device.total_bytes);
  if (large.length === 0) {
    const best = all.toSorted((a, b) => b.device.total_bytes - a.device.total_bytes)[0]!;
    return {
      kind: "impossible",
      code: "INSUFFICIENT_MEMORY",
      message: `The model needs about ${mebibytes(best.needed)} MiB and the largest device, ` +
        `${best.device.id} of pool ${best.pool.id}, has ${mebibytes(best.device.total_bytes)} MiB`,
    };
  }

  const breakers = large.map((site) => state.breakers.get(breakerKey(site.pool.id, fingerprint)));
  const open = large.filter((_, index) => (breakers[index]?.retryAt ?? 0) <= now);
  if (open.length === 0) {
    const broken = breakers.every((b) => b && b.failures >= state.policy.breakerFailures);
    const lastError = breakers.find((b) => b)?.lastError ?? "";
    return broken
      ? {
        kind: "impossible",
        code: "WORKER_START_FAILED",
        message: `No worker could be started for the model: ${lastError}`,
      }
      : { kind: "wait", reason: `a worker failed to start and is tried again: ${lastError}` };
  }

  const fitting = open.filter(({ needed, free }) => needed <= free).sort(bySite)[0];
  if (fitting) return { kind: "spawn", site: fitting };

  const held = leases(state);
  for (const site of open.toSorted(bySite)) {
    const victims = victimsFor(state, site, held);
    if (victims) return { kind: "evict", site, victims };
  }
  return { kind: "wait", reason: "memory is held by busy workers or other programs" };
}

function bySite(a: Site, b: Site): number {
  return Number(a.device.kind === "cpu") - Number(b.device.kind === "cpu") || b.free - a.free ||
    (a.pool.id + a.device.id < b.pool.id + b.device.id ? -1 : 1);
}

function sites(state: State, fingerprint: string): Site[] {
  const found: Site[] = [];
  for (const pool of state.pools.values()) {
    const model = pool.models.find((each) => each.fingerprint === fingerprint);
    if (!pool.available || !model) continue;
    for (const device of pool.devices) {
      const pending = [...state.spawns.values()]
        .filter((spawn) => spawn.poolId === pool.id && spawn.device === device.id)
        .reduce((sum, spawn) => sum + spawn.memoryBytes, 0);
      const free = device.free_bytes - pending;
      found.push({ pool, device, model, needed: defaultLoadBytes(model), free });
    }
  }
  return found;
}

/** Idle workers of a device, least recently used first, until the model fits; undefined if never. */
function victimsFor(state: State, site: Site, held: ReadonlyMap<string, number>) {
  const idle = site.pool.workers
    .filter((worker) =>
      worker.device === site.device.id && isUsable(state, site.pool, worker) &&
      !held.has(worker.worker_id)
    )
    .sort((a, b) =>
      (state.lastUsed.get(a.worker_id) ?? 0) - (state.lastUsed.get(b.worker_id) ?? 0)
    );
  // Memory of workers that are already on their way out will come back too.
  let freed = site.pool.workers
    .filter((w) => w.device === site.device.id && state.stopping.has(w.worker_id))
    .reduce((sum, worker) => sum + worker.memory_bytes, 0);
  const victims: { pool: Pool; worker: PoolWorker }[] = [];
  for (const worker of idle) {
    if (site.free + freed >= site.needed) break;
    victims.push({ pool: site.pool, worker });
    freed += worker.memory_bytes;
  }
  return site.free + freed >= site.needed ? victims : undefined;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}
