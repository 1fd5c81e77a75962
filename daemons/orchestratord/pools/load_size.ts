import type { PoolModel } from "#shared/contracts/mod.ts";
import { DEFAULT_CONTEXT, DEFAULT_SLOTS } from "#shared/defaults.ts";

/**
 * Memory that a load with a pool's default settings takes, in bytes: what the last such load
 * measured, else weights + KV per token × context × slots + compute buffer.
 */
export function defaultLoadBytes(model: PoolModel): number {
  const context = Math.min(model.context_length || DEFAULT_CONTEXT, DEFAULT_CONTEXT);
  const { measured } = model;
  if (measured && measured.context === context && measured.slots === DEFAULT_SLOTS) {
    return measured.memory_bytes;
  }
  return model.weight_bytes + model.kv_bytes_per_token * context * DEFAULT_SLOTS +
    model.compute_bytes;
}
