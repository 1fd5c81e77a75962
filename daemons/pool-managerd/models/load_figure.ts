import {
  type DefaultLoad,
  type DeviceKind,
  deviceKind,
  type EngineFigure,
  type PoolModel,
} from "#shared/contracts/pool.ts";
import { defaultLoad, type LoadDefaults } from "#shared/models/default_load.ts";
import { estimateHostMemory, type Load, type ModelMemory } from "#shared/models/estimate.ts";
import { type LoadSettings, type Measurement, nearest, sameLoad } from "./measurement.ts";

/** Estimates the memory of a load on its device, in bytes. */
export type EstimateMemory = (model: ModelMemory, load: Load) => number;

/** What is known of a model's loads. */
export interface KnownLoads {
  /** Measured loads, newest first. */
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
 * Memory of a load: the same figure is checked before a spawn and reported to the orchestrator.
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
  const { context, slots, gpu_layers } = settings;
  const load = { context, slots, gpuLayers: gpu_layers ?? undefined };
  const besideBytes = gpu_layers === null ? 0 : estimateHostMemory(model, load);
  const said = nearest(known.said, settings);
  const taken = nearest(known.measured, settings);
  const isSame = (other: LoadSettings | undefined) => other && sameLoad(other, settings);
  // 1
  if (said && isSame(said)) {
    const { device_bytes, host_bytes: hostBytes } = said;
    const takenBytes = taken && isSame(taken) ? taken.memory_bytes : 0;
    return { deviceBytes: Math.max(device_bytes, takenBytes), hostBytes, basis: "engine" };
  }
  const by = (measured: Measurement | undefined) => estimate({ ...model, measured }, load);
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
    deviceBytes: by({ ...said, memory_bytes: said.device_bytes }),
    hostBytes: Math.max(besideBytes, said.host_bytes),
    basis: "formula by the engine's figure",
  };
}

/** A load that names neither context nor slots, as it is reported to the orchestrator. */
export function describeDefaultLoad(
  model: ModelMemory & Pick<PoolModel, "context_length" | "gpu_layers">,
  defaults: LoadDefaults,
  known: KnownLoads,
  estimate: EstimateMemory,
): DefaultLoad {
  const load = defaultLoad(model, defaults);
  const figureOn = (kind: DeviceKind) =>
    loadFigure(model, defaultSettings(model, defaults, kind), known, estimate);
  return {
    ...load,
    device_bytes: Object.fromEntries(
      deviceKind.options.map((kind) => [kind, figureOn(kind).deviceBytes]),
    ),
    host_bytes: Math.max(
      ...deviceKind.options.filter((kind) => kind !== "cpu").map((kind) =>
        figureOn(kind).hostBytes
      ),
    ),
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
