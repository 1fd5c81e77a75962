/**
 * Places where a model could be loaded, and the memory that it would take there: on every device of the
 * place, or on none.
 *
 * @module
 */
import {
  type Device,
  devicesOf,
  placeOf,
  type PoolModel,
  type PoolWorker,
  shareOn,
} from "#shared/contracts/mod.ts";
import { claimAll, groupsOf } from "#shared/models/device_split.ts";
import { defaultHostBytes, defaultLoadBytes } from "./load_size.ts";
import type { Claim, Pool, State } from "./state.ts";
import { holdersOf, isInService } from "./workers.ts";

/** A device on which a model could be loaded, or several that would hold it together. */
export interface Site {
  readonly pool: Pool;
  /** The place as a device: several have the memory of all, and a name that lists them. */
  readonly device: Device;
  /** Its devices, at least one. */
  readonly parts: readonly Device[];
  /** The pool's main memory, unless that is the device; undefined: it reports none. */
  readonly host: Device | undefined;
  readonly model: PoolModel;
  /** Bytes that the model takes on the devices. */
  readonly needed: number;
  /** Free bytes of the devices less what running spawns will take; may be negative. */
  readonly free: number;
  /** What it takes now; undefined: it does not fit now. */
  readonly claims: Claims | undefined;
}

/** Memory of a load on each device that it takes, main memory included. */
export interface Claims {
  readonly all: readonly Claim[];
  /** Whether all layers that may be on GPUs are there. */
  readonly isWhole: boolean;
}

/** A site where the model fits, perhaps once others have gone. */
export type FittingSite = Site & { readonly claims: Claims };

/** Bytes that a load may take on a device. */
export type RoomOn = (device: Device) => number;

/** Whether a model fits at a site now. */
export function fitsNow(site: Site): site is FittingSite {
  return site.claims !== undefined;
}

/**
 * What a load would take at a site with some room on each device; undefined where it does not fit. A model
 * with `gpu_layers = fit` takes all the room of GPUs that cannot hold the whole.
 */
export function claimsIn(site: Omit<Site, "claims">, room: RoomOn): Claims | undefined {
  const { parts, host, model, needed } = site;
  if (model.elsewhere) return NOTHING;
  const { split, fit } = model.default_load ?? {};
  const [only, ...more] = parts.map((device) => ({ device: device.id, bytes: room(device) }));
  if (!only) return undefined;
  const withHost = (onDevices: readonly Claim[], hostBytes: number, isWhole: boolean) => {
    if (!host || hostBytes <= 0) return { all: onDevices, isWhole };
    if (hostBytes > room(host)) return undefined;
    return { all: [...onDevices, { device: host.id, bytes: hostBytes }], isWhole };
  };
  const rooms = [only, ...more];
  const whole = more.length === 0
    ? needed <= only.bytes ? [{ device: only.device, bytes: needed }] : undefined
    : split && claimAll(rooms, split)?.map(({ device, bytes }) => ({ device, bytes }));
  if (whole) return withHost(whole, defaultHostBytes(model, site.device.kind), true);
  if (!fit || !host) return undefined;
  const least = more.length > 0 && split
    ? split.each_bytes + split.layer_bytes / split.layers
    : fit.device_bytes;
  if (rooms.some(({ bytes }) => bytes < least)) return undefined;
  const taken = rooms.reduce((sum, { bytes }) => sum + bytes, 0);
  const outside = (needed - taken) / Math.max(1, needed - rooms.length * fit.device_bytes);
  return withHost(rooms, Math.ceil(fit.host_bytes * Math.min(1, outside)), false);
}

/**
 * Every place of the pools in service that have the model, with its free memory: each device, and for a
 * model that no GPU of a pool holds, the fewest and more of them that may hold it together; for one of a
 * server elsewhere, the CPU alone.
 *
 * @param named A place that is one of them in any case, if a pool has its devices.
 */
export function sitesOf(state: Readonly<State>, fingerprint: string, named?: string): Site[] {
  const found: Site[] = [];
  for (const pool of state.pools.values()) {
    if (!isInService(state, pool.id)) continue;
    const model = pool.models.find((each) => each.fingerprint === fingerprint);
    if (!model) continue;
    const room = roomIn(state, pool);
    if (model.elsewhere) {
      found.push(...siteElsewhere(pool, model, room));
      continue;
    }
    const groups = groupsIn(state, pool, model, room, named);
    for (const parts of [...pool.devices.map((device) => [device]), ...groups]) {
      found.push(siteAt(pool, model, parts, room));
    }
  }
  return found;
}

/**
 * Where the worker of a server elsewhere runs: beside the CPU, which is not used for models there only.
 * It takes no memory, so that it fits however little there is.
 */
function siteElsewhere(pool: Pool, model: PoolModel, room: RoomOn): Site[] {
  const found = pool.devices.find(({ kind }) => kind === "cpu") ?? pool.devices[0];
  if (!found) return [];
  const { asked_only: _a, unavailable: _u, ...device } = found;
  return [{
    ...{ pool, device, parts: [device], host: undefined, model, needed: 0 },
    free: room(device),
    claims: NOTHING,
  }];
}

/** A load that takes no memory of its pool. */
const NOTHING: Claims = { all: [], isWhole: true };

function siteAt(
  pool: Pool,
  model: PoolModel,
  parts: readonly Device[],
  room: RoomOn,
): Site {
  const [first] = parts;
  const device = parts.length === 1 ? first! : together(parts);
  const split = model.default_load?.split;
  const site = {
    ...{ pool, device, parts, model },
    host: device.kind === "cpu" ? undefined : pool.devices.find(({ kind }) => kind === "cpu"),
    needed: parts.length === 1 || !split
      ? defaultLoadBytes(model, device.kind)
      : split.layer_bytes + parts.length * split.each_bytes,
    free: sum(parts.map(room)),
  };
  return { ...site, claims: claimsIn(site, room) };
}

/** Several devices as one. */
function together(parts: readonly Device[]): Device {
  const unavailable = parts.find((part) => part.unavailable !== undefined)?.unavailable;
  return {
    id: placeOf(parts.map(({ id }) => id)),
    kind: parts[0]!.kind,
    name: [...new Set(parts.map(({ name }) => name))].join(", "),
    total_bytes: sum(parts.map(({ total_bytes }) => total_bytes)),
    free_bytes: sum(parts.map(({ free_bytes }) => free_bytes)),
    ...(unavailable === undefined ? {} : { unavailable }),
  };
}

/** Several devices of a pool that may hold a model together. */
function groupsIn(
  state: Readonly<State>,
  pool: Pool,
  model: PoolModel,
  room: RoomOn,
  named: string | undefined,
): Device[][] {
  const split = model.default_load?.split;
  if (!split) return [];
  const names = new Set<string>();
  for (const kind of new Set(pool.devices.map((device) => device.kind))) {
    const alike = pool.devices.filter((device) =>
      device.kind === kind && device.unavailable === undefined
    );
    const needed = defaultLoadBytes(model, kind);
    if (kind === "cpu" || alike.some(({ total_bytes }) => needed <= total_bytes)) continue;
    for (const bytes of [room, totalOf]) {
      const rooms = alike.map((each) => ({ device: each.id, bytes: bytes(each) }));
      for (const group of groupsOf(rooms, split)) {
        names.add(placeOf(group.map(({ device }) => device)));
      }
    }
  }
  for (const { poolId, report } of holdersOf(state, model.fingerprint)) {
    if (poolId === pool.id) names.add(report.device);
  }
  if (named !== undefined) names.add(named);
  return [...names].flatMap((name) => {
    const ids = devicesOf(name);
    const parts = pool.devices.filter(({ id }) => ids.includes(id));
    return ids.length > 1 && parts.length === ids.length ? [parts] : [];
  });
}

function totalOf({ total_bytes }: Device): number {
  return total_bytes;
}

/**
 * Bytes that are free on a device, less what requested workers will take. Never more than the total less
 * what its workers take: file pages that they have mapped show as free although they need them.
 */
export function freeOn(state: Readonly<State>, pool: Pool, device: Device): number {
  return roomIn(state, pool)(device);
}

/** {@linkcode freeOn} the devices of a pool, found out once for each. */
function roomIn(state: Readonly<State>, pool: Pool): RoomOn {
  const spawns = [...state.spawns.values()].filter(({ poolId }) => poolId === pool.id);
  const seen = new Set(spawns.length === 0 ? [] : pool.workers.map((each) => each.request_id));
  const rooms = new Map<string, number>();
  return (device) => {
    const known = rooms.get(device.id);
    if (known !== undefined) return known;
    let free = device.free_bytes;
    let beside = device.total_bytes - sum(pool.workers.map((each) => shareOn(each, device.id)));
    for (const { claims, requestId } of spawns) {
      const bytes = sum(
        claims.filter((claim) => claim.device === device.id).map((claim) => claim.bytes),
      );
      free -= bytes;
      if (!seen.has(requestId)) beside -= bytes;
    }
    const room = Math.min(free, beside);
    rooms.set(device.id, room);
    return room;
  };
}

/** Whether a worker takes memory of any device of a site, main memory included. */
export function takesOf({ parts, host }: Site, report: PoolWorker): boolean {
  const held = devicesOf(report.device);
  return parts.some(({ id }) => held.includes(id)) ||
    [...parts, ...(host ? [host] : [])].some(({ id }) => (report.shares?.[id] ?? 0) > 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
