import type { DeviceKind, PoolModel } from "#shared/contracts/mod.ts";
import { DEFAULT_CONTEXT, DEFAULT_SLOTS } from "#shared/defaults.ts";
import { estimateMemory } from "#shared/models/estimate.ts";

/**
 * Memory that a load with a pool's default settings takes on its device, in bytes.
 *
 * @param kind Of the device; without it, a GPU.
 */
export function defaultLoadBytes(model: PoolModel, kind?: DeviceKind): number {
  const context = Math.min(model.context_length || DEFAULT_CONTEXT, DEFAULT_CONTEXT);
  const { gpu_layers: gpuLayers, measured, ...memory } = model;
  const load = { context, slots: DEFAULT_SLOTS };
  // What was measured with some of the layers on a GPU tells nothing of all of them on the CPU.
  if (kind === "cpu" && gpuLayers !== undefined) return estimateMemory(memory, load);
  return estimateMemory({ ...memory, measured }, { ...load, gpuLayers });
}
