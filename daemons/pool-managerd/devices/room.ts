import type { Device } from "#shared/contracts/pool.ts";
import { usualDevice } from "./usual_device.ts";

/** Memory of a worker on its device, in bytes. */
export interface Commitment {
  readonly device: string;
  /** Bytes that it will use once it is loaded. */
  readonly committed: number;
  /** Bytes that it used at its last measurement. */
  readonly held: number;
}

/**
 * Bytes that a new worker may take on a device.
 *
 * That is the device's free memory without what loading workers have yet to take, but at most its
 * total without what all workers need: file pages that a worker has mapped show as available memory
 * although it needs them.
 */
export function roomOn(device: Device, workers: readonly Commitment[]): number {
  const here = workers.filter((worker) => worker.device === device.id);
  const pending = sum(here.map(({ committed, held }) => Math.max(0, committed - held)));
  const committed = sum(here.map((worker) => worker.committed));
  return Math.max(
    0,
    Math.min(device.free_bytes - pending, device.total_bytes - committed),
  );
}

/** Memory of the usual device for all workers: what is free, and what they use now, in bytes. */
export function usualRoom(devices: readonly Device[], workers: readonly Commitment[]): number {
  const device = usualDevice(devices);
  return device === undefined ? 0 : device.free_bytes + heldOn(device.id, workers);
}

/** Bytes that workers use on a device now. */
export function heldOn(deviceId: string, workers: readonly Commitment[]): number {
  return sum(workers.filter(({ device }) => device === deviceId).map(({ held }) => held));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
