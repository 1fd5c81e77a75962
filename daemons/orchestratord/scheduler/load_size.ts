import type { DeviceKind, PoolModel } from "#shared/contracts/mod.ts";
import { defaultLoad, LOAD_DEFAULTS } from "#shared/models/default_load.ts";
import { estimateMemory } from "#shared/models/estimate.ts";

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
  const { gpu_layers: gpuLayers, measured, ...memory } = model;
  const load = defaultLoad(model);
  // A measurement with some layers on a GPU does not apply to a load entirely on the CPU.
  if (kind === "cpu" && gpuLayers !== undefined) return estimateMemory(memory, load);
  return estimateMemory({ ...memory, measured }, { ...load, gpuLayers });
}

/** Memory that the same load takes in the machine in addition to its device, in bytes. */
export function defaultHostBytes({ default_load }: PoolModel, kind: DeviceKind): number {
  return kind === "cpu" ? 0 : default_load?.host_bytes ?? 0;
}

/** Slots of that load. */
export function defaultSlots(model: PoolModel | undefined): number {
  return model?.default_load?.slots ?? LOAD_DEFAULTS.slots;
}
