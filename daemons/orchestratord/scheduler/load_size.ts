import type { DeviceKind, PoolModel } from "#shared/contracts/mod.ts";
import { defaultLoad, LOAD_DEFAULTS } from "#shared/models/default_load.ts";
import { estimateMemory, withoutCopies } from "#shared/models/estimate.ts";

/**
 * Memory that a load with a pool's default settings takes on its device, in bytes: the pool's own figure,
 * which it also checks when it starts a worker. For a pool too old to report one, estimated from the
 * defaults of an unconfigured pool.
 *
 * @param kind Kind of the device; a GPU by default.
 */
export function defaultLoadBytes(model: PoolModel, kind: DeviceKind = "cuda"): number {
  const reported = model.default_load?.device_bytes[kind];
  if (reported !== undefined) return reported;
  const { gpu_layers: gpuLayers, measured, ...figures } = model;
  const memory = kind === "cpu" ? figures : withoutCopies(figures);
  const load = defaultLoad(model);
  // A measurement with some layers on a GPU does not apply to a load entirely on the CPU.
  if (kind === "cpu" && gpuLayers !== undefined) return estimateMemory(memory, load);
  return estimateMemory({ ...memory, measured }, { ...load, gpuLayers });
}

/**
 * Where that figure is from: the engine, or a formula; undefined if such a load was measured, as far as is
 * known.
 */
export function defaultLoadSource(
  { default_load: load, engine_figures = [], measured, gpu_layers }: PoolModel,
  kind: DeviceKind = "cuda",
): "engine" | "formula" | undefined {
  const size = load ?? LOAD_DEFAULTS;
  const isDefault = (other: { readonly context: number; readonly slots: number }) =>
    other.context === size.context && other.slots === size.slots;
  const layers = kind === "cpu" ? null : gpu_layers ?? null;
  const isSaid = engine_figures.some((figure) =>
    figure.device_kind === kind && figure.gpu_layers === layers && !figure.split &&
    isDefault(figure)
  );
  if (isSaid) return "engine";
  return measured && isDefault(measured) ? undefined : "formula";
}

/** Memory that the same load takes in the machine in addition to its device, in bytes. */
export function defaultHostBytes({ default_load }: PoolModel, kind: DeviceKind): number {
  return kind === "cpu" ? 0 : default_load?.host_bytes ?? 0;
}

/** Slots of that load. */
export function defaultSlots(model: PoolModel | undefined): number {
  return model?.default_load?.slots ?? LOAD_DEFAULTS.slots;
}
