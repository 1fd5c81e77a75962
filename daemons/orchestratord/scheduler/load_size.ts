import type { DeviceKind, PoolModel } from "#shared/contracts/mod.ts";
import { defaultLoad } from "#shared/models/default_load.ts";
import { estimateMemory } from "#shared/models/estimate.ts";

/**
 * Memory that a load with a pool's default settings takes on its device, in bytes: what the pool itself
 * says, which is what it checks at a spawn. One that is too old to say so is taken to have the defaults
 * of one that is not configured.
 *
 * @param kind Of the device; without it, a GPU.
 */
export function defaultLoadBytes(model: PoolModel, kind: DeviceKind = "cuda"): number {
  const told = model.default_load?.device_bytes[kind];
  if (told !== undefined) return told;
  const { gpu_layers: gpuLayers, measured, ...memory } = model;
  const load = defaultLoad(model);
  // What was measured with some of the layers on a GPU tells nothing of all of them on the CPU.
  if (kind === "cpu" && gpuLayers !== undefined) return estimateMemory(memory, load);
  return estimateMemory({ ...memory, measured }, { ...load, gpuLayers });
}

/** Memory that the same load takes in the machine beside its device, in bytes. */
export function defaultHostBytes({ default_load }: PoolModel, kind: DeviceKind): number {
  return kind === "cpu" ? 0 : default_load?.host_bytes ?? 0;
}

/** Slots of that load. */
export function defaultSlots(model: PoolModel | undefined): number {
  return model?.default_load?.slots ?? defaultLoad({ context_length: 0 }).slots;
}
