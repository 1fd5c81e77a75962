import type { Device, PoolModel, SpawnRequest } from "#shared/contracts/pool.ts";
import { LlorchError } from "#shared/errors.ts";
import { defaultLoad, type LoadDefaults, type LoadSize } from "#shared/models/default_load.ts";
import { engineOf, type Engines } from "../engines.ts";
import {
  type Basis,
  type EstimateMemory,
  type KnownLoads,
  loadFigure,
} from "../models/load_figure.ts";
import { type Commitment, roomOn } from "../devices/room.ts";
import { usualDevice } from "../devices/usual_device.ts";
import type { SpawnPlan } from "./record.ts";

/** Input of the plan of a spawn. */
export interface SpawnFacts {
  readonly models: readonly PoolModel[];
  readonly devices: readonly Device[];
  readonly workers: readonly Commitment[];
  readonly defaults: LoadDefaults;
  readonly estimate: EstimateMemory;
  /** What is known of the model's loads. */
  readonly known: KnownLoads;
  readonly engines: Engines;
}

/** When to repeat a spawn that failed for lack of memory, in milliseconds. */
const MEMORY_RETRY_MS = 2_000;

/** When to repeat a spawn on a device that cannot be used now, in milliseconds. */
const DEVICE_RETRY_MS = 15_000;

/**
 * Decides what exactly a spawn starts.
 *
 * @throws {LlorchError} `MODEL_NOT_FOUND`, `NOT_FOUND`, `INSUFFICIENT_MEMORY`, or
 * `WORKER_START_FAILED` for a device that cannot be used now
 */
export function planSpawn(request: SpawnRequest, facts: SpawnFacts): SpawnPlan {
  const model = selectModel(facts.models, request);
  const device = selectDevice(facts.devices, request.device);
  const usual = defaultLoad(model, facts.defaults);
  const context = request.context ?? usual.context;
  const slots = request.slots ?? usual.slots;
  checkUsable(device);
  const gpuLayers = device.kind === "cpu" ? null : request.gpu_layers ?? model.gpu_layers ?? null;
  const load = { context, slots };
  const { deviceBytes: estimateBytes, hostBytes: besideBytes, basis } = loadFigure(
    model,
    { ...load, device_kind: device.kind, gpu_layers: gpuLayers },
    facts.known,
    facts.estimate,
  );
  const check = (bytes: number, where: Device) =>
    checkRoom({ bytes, where, room: roomOn(where, facts.workers), request, load, basis });
  check(estimateBytes, device);
  const host = facts.devices.find(({ kind }) => kind === "cpu");
  if (besideBytes > 0 && host) check(besideBytes, host);
  return {
    request,
    modelPath: model.path,
    modelNames: [model.model_ref, ...model.aliases],
    sizeBytes: model.size_bytes,
    device,
    context,
    slots,
    gpuLayers,
    estimateBytes,
    hostBytes: device.kind === "cpu" ? estimateBytes : besideBytes,
    engine: engineOf(model, facts.engines),
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

/** The model with the fingerprint; another file with the same name is not accepted. */
function selectModel(models: readonly PoolModel[], request: SpawnRequest): PoolModel {
  const { model_ref, fingerprint } = request;
  const found = models.find((model) => model.fingerprint === fingerprint);
  if (found) return found;
  const namesake = models.find((model) =>
    model.model_ref === model_ref || model.aliases.includes(model_ref)
  );
  const other = namesake
    ? `: the file that this pool has by that name is another one (fingerprint ${namesake.fingerprint})`
    : ` on this pool`;
  throw new LlorchError(
    "MODEL_NOT_FOUND",
    `Cannot find model "${model_ref}"${other}; ${
      model_ref.startsWith("file:")
        ? "put its file into a models folder of its host"
        : `run llorch models download ${model_ref} on its host`
    }`,
    { details: { model_ref, fingerprint } },
  );
}

/** The requested device, otherwise the usual one. */
function selectDevice(devices: readonly Device[], asked: string | undefined): Device {
  const found = asked === undefined
    ? usualDevice(devices)
    : devices.find((device) => device.id === asked);
  if (found) return found;
  const known = devices.map((device) => device.id).join(", ");
  throw new LlorchError("NOT_FOUND", `Cannot find device "${asked}": this pool has ${known}`);
}
