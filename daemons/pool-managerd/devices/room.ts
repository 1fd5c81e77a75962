import type { Device } from "#shared/contracts/pool.ts";

/** How a worker counts against its device. */
export interface Commitment {
  readonly device: string;
  /** What it will hold in the end. */
  readonly committed: number;
  /** What it holds by now, as far as is known. */
  readonly held: number;
}

/**
 * Bytes that a new worker may take on a device.
 *
 * What the device says is free, less what workers that still load have yet to take; and never more
 * than the device has beside what all workers are counted with: file pages that a worker has mapped
 * show as available memory although it needs them.
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

/** Bytes that workers hold on a device by now. */
export function heldOn(deviceId: string, workers: readonly Commitment[]): number {
  return sum(workers.filter(({ device }) => device === deviceId).map(({ held }) => held));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
