import { type Claim, claimAll, type DeviceRoom, type SplitMemory } from "./device_split.ts";
import { estimateMemory, type Load, type ModelMemory } from "./estimate.ts";

/**
 * Most layers of a load that fit into a device, with its context and slots; undefined: all of them, or
 * the model's layers are not known. 0 does not mean that the rest of the load fits.
 *
 * Measurements are not counted: they are of loads with other layers.
 *
 * @param bytes Memory that the load may take on the device.
 * @param estimate Estimates the memory of a load on its device.
 */
export function fittingLayers(
  { measured: _, ...model }: ModelMemory,
  load: Omit<Load, "gpuLayers">,
  bytes: number,
  estimate: (model: ModelMemory, load: Load) => number = estimateMemory,
): number | undefined {
  if (model.block_count === undefined) return undefined;
  const fits = (gpuLayers: number | undefined) => estimate(model, { ...load, gpuLayers }) <= bytes;
  if (fits(undefined)) return undefined;
  let [low, high] = [0, model.block_count + 1];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * The same for several devices that hold the layers together: most layers, and what each device holds of
 * them; undefined where not even one layer for each fits.
 *
 * @param divide The memory of the load with a number of layers on devices.
 */
export function fittingClaims(
  { block_count = -1 }: ModelMemory,
  rooms: readonly DeviceRoom[],
  divide: (gpuLayers: number) => SplitMemory | undefined,
): { readonly gpuLayers: number; readonly claims: readonly Claim[] } | undefined {
  for (let gpuLayers = block_count + 1; gpuLayers >= rooms.length; gpuLayers--) {
    const divided = divide(gpuLayers);
    const claims = divided && claimAll(rooms, divided);
    if (claims) return { gpuLayers, claims };
  }
  return undefined;
}
