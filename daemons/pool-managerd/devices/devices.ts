import type { Clock } from "#shared/clock.ts";
import type { Device } from "#shared/contracts/pool.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import { amdSource } from "./amd.ts";
import { appleSource } from "./apple.ts";
import { cpuDevice } from "./cpu.ts";
import { type DeviceSource, unavailable } from "./device_source.ts";
import { nvidiaSource } from "./nvidia_smi.ts";

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
  /** Bytes that a process holds on a device, as the device says; undefined where it does not. */
  held(deviceId: string, pid: number): Promise<number | undefined>;
}

/** What workers on the CPU may take, and do. */
export interface CpuShare {
  /** RAM that they may take in all; undefined: all that there is. */
  readonly maxBytes: number | undefined;
  /** RAM that they hold now. */
  readonly heldBytes: () => number;
}

/** The sources of every machine; those of other makers have no devices. */
export function systemSources(share: CpuShare): DeviceSource[] {
  return [
    nvidiaSource(),
    amdSource(),
    appleSource(),
    { kind: "cpu", name: "CPU", query: async () => [capped(await cpuDevice(), share)] },
  ];
}

/** A device of which only a part may be used. */
export function capped(device: Device, { maxBytes, heldBytes }: CpuShare): Device {
  if (maxBytes === undefined) return device;
  return {
    ...device,
    total_bytes: Math.min(device.total_bytes, maxBytes),
    free_bytes: Math.max(0, Math.min(device.free_bytes, maxBytes - heldBytes())),
  };
}

/** How a {@linkcode Devices} is made. */
export interface DevicesOptions {
  /** `auto`: models go to a CPU beside GPUs only when it is named. */
  readonly cpu: "auto" | "always";
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Remembers a look at the devices for a short while; looks at the same time share one.
 *
 * A device that was seen once and is not told any more, or cannot be asked, is unavailable, and
 * comes back when it is told again. So is the one of a source that fails at the first look: that
 * there is a GPU which cannot be used must not look like a machine without one.
 */
export function createDevices(
  sources: readonly DeviceSource[],
  { cpu, clock, log }: DevicesOptions,
): Devices {
  const known = new Map<DeviceSource, readonly Device[]>();
  /** Reasons of the last look, so that each is logged once and not at every heartbeat. */
  const said = new Map<string, string>();
  let last: readonly Device[] = [];
  let freshUntil = -Infinity;
  let looking: Promise<readonly Device[]> | undefined;

  async function ask(source: DeviceSource): Promise<readonly Device[]> {
    const before = known.get(source) ?? [];
    let now: readonly Device[];
    try {
      const told = await source.query();
      const ids = new Set(told.map(({ id }) => id));
      const gone = before.filter(({ id }) => !ids.has(id))
        .map((device) => unavailable(device, "It is not listed any more"));
      now = [...told.map((device) => withTotal(device, before)), ...gone];
    } catch (error) {
      const reason = errorMessage(error);
      const { kind, name } = source;
      const all = before.length > 0 ? before : [{ id: `${kind}0`, kind, name }];
      now = all.map((device) => unavailable(device, reason));
    }
    known.set(source, now);
    now.forEach(report);
    return now;
  }

  function report({ id, unavailable: reason }: Device): void {
    if (reason === said.get(id)) return;
    if (reason === undefined) {
      said.delete(id);
      log.info("device_available", { device: id });
    } else {
      said.set(id, reason);
      log.warn("device_unavailable", { device: id, reason });
    }
  }

  async function look(): Promise<readonly Device[]> {
    // Set before the look: what is invalidated while it runs stays invalid.
    freshUntil = clock.steady() + FRESH_MS;
    try {
      const seen = (await Promise.all(sources.map(ask))).flat();
      return last = cpu === "auto" ? seen.map((device) => gpusFirst(device, seen)) : seen;
    } finally {
      looking = undefined;
    }
  }

  function current(): Promise<readonly Device[]> {
    if (looking) return looking;
    if (clock.steady() < freshUntil) return Promise.resolve(last);
    return looking = look();
  }

  return {
    get last() {
      return last;
    },
    current,
    invalidate() {
      freshUntil = -Infinity;
    },
    async held(deviceId, pid) {
      const device = (await current()).find(({ id }) => id === deviceId);
      const source = sources.find((each) => each.kind === device?.kind);
      if (device === undefined || source?.held === undefined) return undefined;
      try {
        return (await source.held(device))?.get(pid);
      } catch (error) {
        log.warn("device_processes_unknown", { device: deviceId, reason: errorMessage(error) });
        return undefined;
      }
    },
  };
}

/** Where there are GPUs, usable or not, nothing crawls along on the CPU that nobody sent there. */
function gpusFirst(device: Device, all: readonly Device[]): Device {
  const isSpare = device.kind === "cpu" && all.some(({ kind }) => kind !== "cpu");
  return isSpare ? { ...device, asked_only: true } : device;
}

/** A device that tells no memory now keeps the total that it told before. */
function withTotal(device: Device, before: readonly Device[]): Device {
  if (device.unavailable === undefined || device.total_bytes > 0) return device;
  const total_bytes = before.find(({ id }) => id === device.id)?.total_bytes ?? 0;
  return { ...device, total_bytes };
}
