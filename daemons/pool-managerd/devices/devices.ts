import type { Clock } from "#shared/clock.ts";
import type { Device } from "#shared/contracts/pool.ts";
import type { Logger } from "#shared/logging.ts";
import { cpuDevice } from "./cpu.ts";
import { nvidiaDevices } from "./nvidia_smi.ts";

/** Answers within this time share one look at the devices, in milliseconds. */
const FRESH_MS = 1_000;

/** The devices of this machine, GPUs first. */
export interface Devices {
  /** Looks now, unless somebody did within the last second. */
  current(): Promise<readonly Device[]>;
  /** What the last look saw; empty before the first. */
  readonly last: readonly Device[];
  /** Makes the next look a real one: something has just let go of memory. */
  invalidate(): void;
}

/** Looks at the machine's devices. */
export type QueryDevices = () => Promise<Device[]>;

/** Asks the system: `nvidia-smi` and the memory of the machine. */
export function systemDevices(log: Logger): QueryDevices {
  return async () => [...await nvidiaDevices(log), await cpuDevice()];
}

/** Remembers a look at the devices for a short while; looks at the same time share one. */
export function createDevices(query: QueryDevices, clock: Clock): Devices {
  let last: readonly Device[] = [];
  let freshUntil = -Infinity;
  let looking: Promise<readonly Device[]> | undefined;

  async function look(): Promise<readonly Device[]> {
    // Set before the look: what is invalidated while it runs stays invalid.
    freshUntil = clock.now() + FRESH_MS;
    try {
      return last = await query();
    } finally {
      looking = undefined;
    }
  }

  return {
    get last() {
      return last;
    },
    current() {
      if (looking) return looking;
      if (clock.now() < freshUntil) return Promise.resolve(last);
      return looking = look();
    },
    invalidate() {
      freshUntil = -Infinity;
    },
  };
}
