import { type DefaultLoad, deviceKind, type PoolModel } from "#shared/contracts/pool.ts";
import { defaultLoad, type LoadDefaults, type LoadSize } from "#shared/models/default_load.ts";
import { gpuLayersOf, readRatio } from "#shared/config/llama.ts";
import type { SplitMemory } from "#shared/models/device_split.ts";
import {
  estimateHostMemory,
  type Load,
  type ModelMemory,
  splitMemory,
} from "#shared/models/estimate.ts";
import type { PlaceSettings } from "./load_memory.ts";
import { type LoadSettings, type Measurement, nearest } from "./measurement.ts";

/** Estimates the memory of a load on its device, in bytes. */
export type EstimateMemory = (model: ModelMemory, load: Load) => number;

/** Memory of a load. */
export interface LoadFigure {
  readonly deviceBytes: number;
  /** Main memory, if the GPU holds only some of the layers. */
  readonly hostBytes: number;
  /** The earlier load from which it was calculated. */
  readonly measured: Measurement | undefined;
}

/**
 * Memory of a load: the same figure is checked before a spawn and reported to the orchestrator.
 *
 * @param measurements Measured loads of the model, newest first.
 */
export function loadFigure(
  model: ModelMemory,
  settings: LoadSettings,
  measurements: readonly Measurement[],
  estimate: EstimateMemory,
): LoadFigure {
  const { context, slots, gpu_layers, device_kind } = settings;
  const load = { context, slots, gpuLayers: gpu_layers ?? undefined };
  const measured = nearest(measurements, settings);
  const isCpu = device_kind === "cpu";
  const figures = isCpu ? { ...model, cpu_weight_bytes: undefined } : model;
  return {
    deviceBytes: estimate({ ...figures, measured }, load),
    hostBytes: isCpu ? 0 : estimateHostMemory(model, load),
    measured,
  };
}

/**
 * Memory of a load that several devices hold together; undefined where settings or the model do not allow
 * that. Measurements are not counted: they are of one device.
 */
export function dividedLoad(
  model: ModelMemory,
  load: Load,
  { split, split_ratio }: PlaceSettings,
): SplitMemory | undefined {
  const divided = split === "none" ? undefined : splitMemory(model, load);
  if (!divided || divided.layers < 2) return undefined;
  return split_ratio === undefined ? divided : { ...divided, ratio: readRatio(split_ratio) };
}

/** A load that names neither context nor slots, as it is reported to the orchestrator. */
export function describeDefaultLoad(
  model: ModelMemory & Pick<PoolModel, "context_length" | "gpu_layers">,
  defaults: LoadDefaults,
  measurements: readonly Measurement[],
  estimate: EstimateMemory,
  settings: PlaceSettings = { split: "none" },
): DefaultLoad {
  const load = defaultLoad(model, defaults);
  const split = dividedLoad(model, { ...load, gpuLayers: model.gpu_layers }, settings);
  const figureOn = (device_kind: LoadSettings["device_kind"]) => {
    const gpu_layers = device_kind === "cpu" ? null : model.gpu_layers ?? null;
    return loadFigure(model, { ...load, device_kind, gpu_layers }, measurements, estimate);
  };
  return {
    ...load,
    device_bytes: Object.fromEntries(
      deviceKind.options.map((kind) => [kind, figureOn(kind).deviceBytes]),
    ),
    host_bytes: figureOn("cuda").hostBytes,
    ...(split ? { split: contractSplit(split) } : {}),
    ...(gpuLayersOf(settings.gpu_layers) === "fit" && model.block_count !== undefined
      ? { fit: withoutLayers(model, load, estimate) }
      : {}),
  };
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
    device_bytes: estimate({ ...model, measured: undefined }, none),
    host_bytes: estimateHostMemory(model, none),
  };
}
