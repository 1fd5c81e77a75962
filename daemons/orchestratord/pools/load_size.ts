import type { PoolModel } from "#shared/contracts/mod.ts";
import { DEFAULT_CONTEXT, DEFAULT_SLOTS } from "#shared/defaults.ts";
import { estimateMemory } from "#shared/models/estimate.ts";

/** Memory that a load with a pool's default settings takes, in bytes. */
export function defaultLoadBytes(model: PoolModel): number {
  const context = Math.min(model.context_length || DEFAULT_CONTEXT, DEFAULT_CONTEXT);
  return estimateMemory(model, { context, slots: DEFAULT_SLOTS });
}
