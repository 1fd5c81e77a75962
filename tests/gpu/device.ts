import { nvidiaSource } from "../../daemons/pool-managerd/devices/nvidia_smi.ts";
import { until } from "../support/stack.ts";

/** The card that is checked. */
export const CARD = "0";

/** The id of the device that the steps use. */
export function deviceId(onCpu: boolean): string {
  return onCpu ? "cpu" : `cuda${CARD}`;
}

/** The backend's name in `--gpu`. */
export function gpuFlag(onCpu: boolean): string {
  return onCpu ? "none" : CARD;
}

/** Memory of the card that is used by anyone, in bytes. */
export async function usedOnCard(): Promise<number> {
  const devices = await nvidiaSource().query();
  const device = devices.find(({ id }) => id === deviceId(false));
  if (!device || device.unavailable !== undefined) throw new Error(`${deviceId(false)} is gone`);
  return device.total_bytes - device.free_bytes;
}

/** Waits until the card's memory is as it was, since an ended process's memory stays for a moment. */
export async function cardIsFree(before: number): Promise<void> {
  await until("the memory of ended workers is free", async () => {
    return await usedOnCard() <= before + 2 ** 20;
  }, 10_000);
}

/** Resident memory of a process, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
