/**
 * Where a load goes, and the memory that it claims there: on every device that it takes, or on none.
 *
 * @module
 */
import { gpuLayersOf, readRatio } from "#shared/config/llama.ts";
import { devicesOf, faultOfPlace, placeOf } from "#shared/contracts/place.ts";
import type { Device, DeviceKind, PoolModel, SpawnRequest } from "#shared/contracts/pool.ts";
import { LlorchError } from "#shared/errors.ts";
import type { LoadSize } from "#shared/models/default_load.ts";
import {
  type Claim,
  claimAll,
  type DeviceRoom,
  groupsOf,
  type SplitMemory,
} from "#shared/models/device_split.ts";
import { fittingClaims, fittingLayers } from "#shared/models/fitting_layers.ts";
import { type Commitment, roomOn } from "../devices/room.ts";
import { usualDevice } from "../devices/usual_device.ts";
import {
  type Basis,
  dividedLoad,
  type EstimateMemory,
  type KnownLoads,
  type LoadFigure,
  loadFigure,
} from "../models/load_figure.ts";
import type { PlaceSettings } from "../models/load_memory.ts";
import { type LoadSettings, sameLoad } from "../models/measurement.ts";
import type { DeviceBytes, SpawnPlan } from "./record.ts";

/** What memory there is, and how loads are estimated. */
export interface PlacementFacts {
  readonly devices: readonly Device[];
  readonly workers: readonly Commitment[];
  readonly estimate: EstimateMemory;
  /** What is known of the model's loads. */
  readonly known: KnownLoads;
  /** On which devices the model's layers may be. */
  readonly settings: PlaceSettings;
}

/** When to repeat a spawn that failed for lack of memory, in milliseconds. */
const MEMORY_RETRY_MS = 2_000;

/** When to repeat a spawn on a device that cannot be used now, in milliseconds. */
const DEVICE_RETRY_MS = 15_000;

/** What the memory of a load depends on, apart from its devices. */
export interface Sizing {
  readonly request: SpawnRequest;
  readonly facts: PlacementFacts;
  readonly model: PoolModel;
  readonly load: LoadSize;
}

/** At least one device. */
type Some = readonly [Device, ...Device[]];

/** Where a load goes, and the memory that it takes there. */
export interface Placed extends Pick<SpawnPlan, "claims" | "gpuLayers" | "split"> {
  readonly devices: Some;
}

/**
 * Decides where a load goes; see {@linkcode planSpawn}.
 *
 * @throws {LlorchError} as that
 */
export function place(sizing: Sizing): Placed {
  const { request, facts, model } = sizing;
  if (model.elsewhere) return onHostAlone(sizing);
  if (request.device !== undefined) {
    const devices = selectDevices(facts.devices, request.device);
    devices.forEach(checkUsable);
    return devices.length === 1 ? onOne(devices[0], sizing) : onSeveral(devices, sizing);
  }
  const device = usualDevice(facts.devices);
  if (!device) throw new LlorchError("NOT_FOUND", "This pool has no device");
  checkUsable(device);
  const whole = figureOf(settingsOn(device.kind, sizing), sizing);
  if (whole.deviceBytes <= device.total_bytes) return onOne(device, sizing);
  return onFewest(device, sizing) ?? onOne(device, sizing);
}

/** A worker in front of a server elsewhere: it takes memory of no device, whichever is named. */
function onHostAlone({ facts }: Sizing): Placed {
  const device = facts.devices.find(({ kind }) => kind === "cpu") ?? facts.devices[0];
  if (!device) throw new LlorchError("NOT_FOUND", "This pool has no device");
  return { devices: [device], claims: [], gpuLayers: null };
}

/** Layers on GPUs that a load asks for; null: all. */
function askedLayers({ request, model, facts: { settings } }: Sizing): number | "fit" | null {
  return request.gpu_layers ?? model.gpu_layers ?? gpuLayersOf(settings.gpu_layers) ?? null;
}

/** Settings of a load with all the layers on devices of a kind that may be there. */
function settingsOn(kind: DeviceKind, sizing: Sizing): LoadSettings {
  const asked = askedLayers(sizing);
  const gpu_layers = kind === "cpu" || asked === "fit" ? null : asked;
  return { ...sizing.load, device_kind: kind, gpu_layers };
}

/** The memory of a load on one device. */
function figureOf(settings: LoadSettings, { model, facts }: Sizing): LoadFigure {
  return loadFigure(model, settings, facts.known, facts.estimate);
}

function onOne(device: Device, sizing: Sizing): Placed {
  const { request, facts, model, load } = sizing;
  const room = roomOn(device, facts.workers);
  const whole = settingsOn(device.kind, sizing);
  const withLayers = (layers: number | undefined) => ({ ...whole, gpu_layers: layers ?? null });
  const fits = askedLayers(sizing) === "fit" && device.kind !== "cpu"
    ? fittingLayers(
      model,
      load,
      room,
      (_, { gpuLayers }) => figureOf(withLayers(gpuLayers), sizing).deviceBytes,
    )
    : undefined;
  const settings = fits === undefined ? whole : withLayers(fits);
  const { deviceBytes, hostBytes, basis } = figureOf(settings, sizing);
  checkRoom({ bytes: deviceBytes, where: device, room, request, load, basis });
  return {
    devices: [device],
    claims: [{ device: device.id, bytes: deviceBytes }, ...onHost(hostBytes, basis, sizing)],
    gpuLayers: settings.gpu_layers,
  };
}

/** Main memory beside that of GPUs. */
function onHost(bytes: number, basis: Basis, { request, facts, load }: Sizing): DeviceBytes[] {
  const host = facts.devices.find(({ kind }) => kind === "cpu");
  if (bytes === 0 || !host) return [];
  checkRoom({ bytes, where: host, room: roomOn(host, facts.workers), request, load, basis });
  return [{ device: host.id, bytes }];
}

function onSeveral(devices: Some, sizing: Sizing): Placed {
  const { request, facts, load } = sizing;
  const rooms = roomsOn(devices, facts);
  const found = claimsOn(devices[0].kind, rooms, sizing);
  if (found) return placedOn(devices, found, sizing);
  const where = placeOf(devices.map(({ id }) => id));
  const divided = divide(settingsOn(devices[0].kind, sizing), sizing);
  if (!divided) {
    throw new LlorchError(
      "INVALID_REQUEST",
      `Cannot load ${request.model_ref} on ${where}: it may be on one device only, by its settings ` +
        "or since its layers are not known",
    );
  }
  const { ratio, each_bytes, layer_bytes } = divided;
  const count = devices.length;
  if (ratio && ratio.length !== count) {
    throw new LlorchError(
      "INVALID_REQUEST",
      `Cannot load ${request.model_ref} on ${where}: its split_ratio has ${ratio.length} parts`,
    );
  }
  const free = rooms.map(({ device, bytes }) => `${bytes} on ${device}`).join(", ");
  throw new LlorchError(
    "INSUFFICIENT_MEMORY",
    `Cannot load ${request.model_ref} on ${where}: it needs ${layer_bytes} bytes together and ` +
      `${each_bytes} on each, for ${load.slots} slots of ${load.context} tokens, and free are ${free}; ` +
      "stop a worker or ask for less context",
    {
      details: {
        device: where,
        needed_bytes: layer_bytes + count * each_bytes,
        free_bytes: rooms.reduce((sum, { bytes }) => sum + bytes, 0),
      },
      retryAfterMs: MEMORY_RETRY_MS,
    },
  );
}

/** The fewest GPUs of a device's kind that hold a load together; undefined if none do. */
function onFewest({ kind }: Device, sizing: Sizing): Placed | undefined {
  const { facts } = sizing;
  const alike = facts.devices.filter((each) => each.kind === kind && !each.unavailable);
  if (kind === "cpu" || alike.length < 2 || facts.settings.split === "none") return undefined;
  const { split_ratio } = facts.settings;
  const ratio = split_ratio === undefined ? undefined : readRatio(split_ratio);
  const groups = groupsOf(roomsOn(alike, facts), { ratio });
  const isFit = askedLayers(sizing) === "fit";
  // With fit, each number of devices would do: as many as there are hold most.
  for (const rooms of isFit ? groups.toReversed() : groups) {
    const found = claimsOn(kind, rooms, sizing);
    const [first, ...more] = alike.filter(({ id }) => rooms.some(({ device }) => device === id));
    if (found && first) return placedOn([first, ...more], found, sizing);
  }
  return undefined;
}

function roomsOn(devices: readonly Device[], { workers }: PlacementFacts): DeviceRoom[] {
  return devices.map((device) => ({ device: device.id, bytes: roomOn(device, workers) }));
}

/** Layers of a load on several devices, and what they hold of it. */
interface Found {
  readonly settings: LoadSettings;
  readonly claims: readonly Claim[];
}

function divide(settings: LoadSettings, { model, facts }: Sizing): SplitMemory | undefined {
  return dividedLoad(model, settings, facts.known, facts.estimate, facts.settings);
}

function claimsOn(
  kind: DeviceKind,
  rooms: readonly DeviceRoom[],
  sizing: Sizing,
): Found | undefined {
  const whole = settingsOn(kind, sizing);
  const divided = divide(whole, sizing);
  const claims = divided && claimAll(rooms, divided);
  if (claims) return { settings: whole, claims };
  if (!divided || askedLayers(sizing) !== "fit") return undefined;
  const most = fittingClaims(
    sizing.model,
    rooms,
    (gpu_layers) => divide({ ...whole, gpu_layers }, sizing),
  );
  return most && { settings: { ...whole, gpu_layers: most.gpuLayers }, claims: most.claims };
}

function placedOn(devices: Some, { settings, claims }: Found, sizing: Sizing): Placed {
  const { known, settings: { split: mode = "layer" } } = sizing.facts;
  const split = { mode, layers: claims.map(({ layers }) => layers) };
  const said = known.said.find((each) => sameLoad(each, { ...settings, split }));
  const { hostBytes, basis } = said
    ? { hostBytes: said.host_bytes, basis: "engine" as const }
    : figureOf(settings, sizing);
  return {
    devices,
    claims: [
      ...claims.map(({ device, bytes }, index) => ({
        device,
        // What the engine says of this division is no more than was found to fit.
        bytes: said?.device_shares?.[index] ?? bytes,
      })),
      ...onHost(hostBytes, basis, sizing),
    ],
    gpuLayers: settings.gpu_layers,
    split,
  };
}

function checkUsable({ id, name, unavailable }: Device): void {
  if (unavailable === undefined) return;
  throw new LlorchError(
    "WORKER_START_FAILED",
    `Cannot use device ${id} (${name}): ${unavailable}; repair it, or name another device`,
    { details: { device: id }, retryAfterMs: DEVICE_RETRY_MS },
  );
}

interface RoomCheck {
  readonly bytes: number;
  readonly where: Device;
  readonly room: number;
  readonly request: SpawnRequest;
  readonly load: LoadSize;
  readonly basis: Basis;
}

/** How an error says on what its figure is based. */
const BASIS_WORDS: Readonly<Record<Basis, string>> = {
  engine: "as llama.cpp says",
  measured: "as an earlier load took",
  formula: "as estimated",
  "formula by the engine's figure": "as estimated from what llama.cpp says of another load",
  "formula by a measured load": "as estimated from another load",
};

function checkRoom({ bytes, where, room, request, load, basis }: RoomCheck): void {
  if (bytes <= room) return;
  throw new LlorchError(
    "INSUFFICIENT_MEMORY",
    `Cannot load ${request.model_ref} on ${where.id}: it needs ${bytes} bytes for ${load.slots} slots of ${load.context} tokens, ${
      BASIS_WORDS[basis]
    }, and ${room} are free; stop a worker or ask for less context`,
    {
      details: {
        device: where.id,
        needed_bytes: bytes,
        free_bytes: room,
        total_bytes: where.total_bytes,
        measured: basis === "measured",
      },
      retryAfterMs: MEMORY_RETRY_MS,
    },
  );
}

/** The devices of a requested place. */
function selectDevices(devices: readonly Device[], asked: string): Some {
  const [first, ...more] = devicesOf(asked)
    .flatMap((id) => devices.find((device) => device.id === id) ?? []);
  const fault = faultOfPlace(devices, asked);
  if (fault === undefined && first) return [first, ...more];
  const known = devices.map((device) => device.id).join(", ");
  if (devicesOf(asked).length === 1) {
    throw new LlorchError("NOT_FOUND", `Cannot find device "${asked}": this pool has ${known}`);
  }
  throw new LlorchError("NOT_FOUND", `Cannot use "${asked}": this pool ${fault}; it has ${known}`);
}
