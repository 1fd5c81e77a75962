import { type DefaultLoad, deviceKind, type PoolModel } from "#shared/contracts/pool.ts";
import { defaultLoad, type LoadDefaults } from "#shared/models/default_load.ts";
import { estimateHostMemory, type Load, type ModelMemory } from "#shared/models/estimate.ts";
import { type LoadSettings, type Measurement, nearest } from "./measurement.ts";

/** What a load of a model will take on its device, in bytes. */
export type EstimateMemory = (model: ModelMemory, load: Load) => number;

/** What a load comes to. */
export interface LoadFigure {
  readonly deviceBytes: number;
  /** In the machine, beside a GPU that holds only some of the layers. */
  readonly hostBytes: number;
  /** The earlier load that it was reckoned from. */
  readonly measured: Measurement | undefined;
}

/**
 * Memory of a load, the one figure that is checked before a spawn and told to the orchestrator.
 *
 * @param measurements What loads of the model took, newest first.
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

/** The load of a model for which a spawn names nothing, as the orchestrator is told of it. */
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
