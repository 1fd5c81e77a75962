import { type DefaultLoad, deviceKind, type PoolModel } from "#shared/contracts/pool.ts";
import { defaultLoad, type LoadDefaults } from "#shared/models/default_load.ts";
import { estimateHostMemory, type Load, type ModelMemory } from "#shared/models/estimate.ts";
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
  const { context, slots, gpu_layers } = settings;
  const load = { context, slots, gpuLayers: gpu_layers ?? undefined };
  const measured = nearest(measurements, settings);
  return {
    deviceBytes: estimate({ ...model, measured }, load),
    hostBytes: gpu_layers === null ? 0 : estimateHostMemory(model, load),
    measured,
  };
}

/** A load that names neither context nor slots, as it is reported to the orchestrator. */
export function describeDefaultLoad(
  model: ModelMemory & Pick<PoolModel, "context_length" | "gpu_layers">,
  defaults: LoadDefaults,
  measurements: readonly Measurement[],
  estimate: EstimateMemory,
): DefaultLoad {
  const load = defaultLoad(model, defaults);
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
  };
}
