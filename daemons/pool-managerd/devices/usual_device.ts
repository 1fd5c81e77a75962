import type { Device } from "#shared/contracts/pool.ts";

/**
 * The device of loads that name none: the first usable GPU. If there are GPUs but none is usable, it
 * is the first of them: the CPU replaces a GPU only if it is requested.
 */
export function usualDevice(devices: readonly Device[]): Device | undefined {
  const gpus = devices.filter((device) => device.kind !== "cpu");
  return gpus.find((device) => device.unavailable === undefined) ?? gpus[0] ?? devices[0];
}
