import { gpuLayersOf, readRatio } from "#shared/config/llama.ts";
import {
  type DefaultLoad,
  type DeviceKind,
  deviceKind,
  type EngineFigure,
  type PoolModel,
} from "#shared/contracts/pool.ts";
import { defaultLoad, type LoadDefaults, type LoadSize } from "#shared/models/default_load.ts";
import type { SplitMemory } from "#shared/models/device_split.ts";
import {
  copyBytes,
  estimateHostMemory,
  type Load,
  type ModelMemory,
  splitMemory,
  withoutCopies,
} from "#shared/models/estimate.ts";
import type { PlaceSettings } from "./load_memory.ts";
import { type LoadSettings, type Measurement, nearest, sameLoad } from "./measurement.ts";

/** Estimates the memory of a load on its device, in bytes. */
export type EstimateMemory = (model: ModelMemory, load: Load) => number;

/** What is known of a model's loads. */
export interface KnownLoads {
  /** Measured loads, newest first; each was on one device. */
  readonly measured: readonly Measurement[];
  /** What the engine says. */
  readonly said: readonly EngineFigure[];
}

/** On what a figure is based: what the engine said of this load, what it took, or the formula. */
export type Basis =
  | "engine"
  | "measured"
  | "formula"
  | "formula by the engine's figure"
  | "formula by a measured load";

/** Memory of a load. */
export interface LoadFigure {
  readonly deviceBytes: number;
  /** Main memory beside that. */
  readonly hostBytes: number;
  readonly basis: Basis;
}

/**
 * Memory of a load on one device: the same figure is checked before a spawn and reported to the
 * orchestrator.
 *
 * 1. What the engine says of this load; or what the load took, if that was more.
 * 2. What the load took.
 * 3. The formula, corrected by what the engine says of another load.
 * 4. The formula, corrected by what another load took.
 * 5. The formula.
 */
export function loadFigure(
  model: ModelMemory,
  settings: LoadSettings,
  known: KnownLoads,
  estimate: EstimateMemory,
): LoadFigure {
  const load = loadOf(settings);
  const isCpu = settings.device_kind === "cpu";
  const besideBytes = isCpu ? 0 : estimateHostMemory(model, load);
  // What was measured had none of them yet, and what the engine says has.
  const copies = isCpu ? copyBytes(model, load) : 0;
  const said = nearest(known.said, settings);
  const taken = nearest(known.measured, settings);
  const isSame = (other: LoadSettings | undefined) => other && sameLoad(other, settings);
  // 1
  if (said && isSame(said)) {
    const { device_bytes, host_bytes: hostBytes } = said;
    const takenBytes = taken && isSame(taken) ? taken.memory_bytes + copies : 0;
    return { deviceBytes: Math.max(device_bytes, takenBytes), hostBytes, basis: "engine" };
  }
  const figures = isCpu ? { ...model, cpu_weight_bytes: undefined } : withoutCopies(model);
  const by = (measured: Measurement | undefined) => estimate({ ...figures, measured }, load);
  // 2, 4, 5
  if (!said || isSame(taken)) {
    return {
      deviceBytes: by(taken),
      hostBytes: besideBytes,
      basis: !taken ? "formula" : isSame(taken) ? "measured" : "formula by a measured load",
    };
  }
  // 3
  return {
    deviceBytes: by({
      ...said,
      memory_bytes: said.device_bytes - (isCpu ? copyBytes(model, loadOf(said)) : 0),
    }),
    hostBytes: Math.max(besideBytes, said.host_bytes),
    basis: "formula by the engine's figure",
  };
}

/**
 * Memory of a load that several devices would hold together; undefined where settings or the model do not
 * allow that.
 *
 * It is the formula's, of which each part counts by as much more or less as {@linkcode loadFigure} says of
 * one device. So no device gets less than the engine says of any division of this load.
 *
 * @param settings Those of the load on one device.
 */
export function dividedLoad(
  model: ModelMemory,
  settings: LoadSettings,
  known: KnownLoads,
  estimate: EstimateMemory,
  { split, split_ratio }: PlaceSettings,
): SplitMemory | undefined {
  const divided = split === "none" ? undefined : splitMemory(model, loadOf(settings));
  if (!divided || divided.layers < 2) return undefined;
  const { layers, layer_bytes, each_bytes } = divided;
  const { deviceBytes, basis } = loadFigure(model, settings, known, estimate);
  const ofOne = basis === "formula" ? 1 : deviceBytes / (layer_bytes + each_bytes);
  const ofSeveral = known.said.flatMap((said) =>
    said.split && sameLoad({ ...said, split: undefined }, settings)
      ? said.split.layers.map((own, index) =>
        (said.device_shares?.[index] ?? 0) / (each_bytes + layer_bytes * own / layers)
      )
      : []
  );
  const factor = Math.max(ofOne, ...ofSeveral);
  return {
    layers,
    layer_bytes: Math.ceil(layer_bytes * factor),
    each_bytes: Math.ceil(each_bytes * factor),
    ...(split_ratio === undefined ? {} : { ratio: readRatio(split_ratio) }),
  };
}

function loadOf({ context, slots, gpu_layers }: LoadSettings): Load {
  return { context, slots, gpuLayers: gpu_layers ?? undefined };
}

/** The memory of a load in front of a server elsewhere, on devices of every kind. */
const NO_BYTES = Object.fromEntries(deviceKind.options.map((kind) => [kind, 0]));

/** A load that names neither context nor slots, as it is reported to the orchestrator. */
export function describeDefaultLoad(
  model: ModelMemory & Pick<PoolModel, "context_length" | "gpu_layers" | "elsewhere">,
  defaults: LoadDefaults,
  known: KnownLoads,
  estimate: EstimateMemory,
  settings: PlaceSettings = { split: "none" },
): DefaultLoad {
  const load = defaultLoad(model, defaults);
  if (model.elsewhere) return { ...load, device_bytes: NO_BYTES, host_bytes: 0 };
  const figureOn = (kind: DeviceKind) =>
    loadFigure(model, defaultSettings(model, defaults, kind), known, estimate);
  const gpus = deviceKind.options.filter((kind) => kind !== "cpu");
  // The GPUs of a host are of one kind, of which alone anything may be known.
  const gpu = gpus.find((kind) => figureOn(kind).basis !== "formula") ?? "cuda";
  const ofGpu = defaultSettings(model, defaults, gpu);
  const split = dividedLoad(model, ofGpu, known, estimate, settings);
  return {
    ...load,
    device_bytes: Object.fromEntries(
      deviceKind.options.map((kind) => [kind, figureOn(kind).deviceBytes]),
    ),
    host_bytes: Math.max(...gpus.map((kind) => figureOn(kind).hostBytes)),
    ...(split ? { split: contractSplit(split) } : {}),
    ...(gpuLayersOf(settings.gpu_layers) === "fit" && model.block_count !== undefined
      ? { fit: withoutLayers(model, load, estimate) }
      : {}),
  };
}

/** The settings of a load that names neither context nor slots, on a kind of device. */
export function defaultSettings(
  model: ModelMemory & Pick<PoolModel, "context_length" | "gpu_layers">,
  defaults: LoadDefaults,
  device_kind: DeviceKind,
): LoadSettings {
  const gpu_layers = device_kind === "cpu" ? null : model.gpu_layers ?? null;
  return { ...defaultLoad(model, defaults), device_kind, gpu_layers };
}

function contractSplit({ ratio, ...split }: SplitMemory): DefaultLoad["split"] {
  return ratio ? { ...split, ratio: [...ratio] } : split;
}

/** A load with none of its layers on the GPU. */
function withoutLayers(
  model: ModelMemory,
  load: LoadSize,
  estimate: EstimateMemory,
): DefaultLoad["fit"] {
  const none = { ...load, gpuLayers: 0 };
  return {
    device_bytes: estimate({ ...withoutCopies(model), measured: undefined }, none),
    host_bytes: estimateHostMemory(model, none),
  };
}
