import type { Clock } from "#shared/clock.ts";
import type { Device } from "#shared/contracts/pool.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import { amdSource } from "./amd.ts";
import { appleSource } from "./apple.ts";
import { cpuDevice } from "./cpu.ts";
import { type DeviceSource, unavailable } from "./device_source.ts";
import { nvidiaSource } from "./nvidia_smi.ts";

/** The result of a query is reused for this long, in milliseconds. */
const FRESH_MS = 1_000;

/** The devices of this machine, GPUs first. */
export interface Devices {
  /** Queries the devices, unless that was done within the last second. */
  current(): Promise<readonly Device[]>;
  /** Result of the last query; empty before the first one. */
  readonly last: readonly Device[];
  /** Makes {@linkcode current} query again, since memory has just been freed. */
  invalidate(): void;
  /** Bytes of a process on a device, as the device reports; undefined if it does not. */
  held(deviceId: string, pid: number): Promise<number | undefined>;
}

/** Limit of the RAM of workers on the CPU, and how much they use. */
export interface CpuShare {
  /** RAM for all of them together, in bytes; undefined: no limit. */
  readonly maxBytes: number | undefined;
  /** RAM that they use now, in bytes. */
  readonly heldBytes: () => number;
}

/** All sources; those of makers that this machine lacks return no devices. */
export function systemSources(share: CpuShare): DeviceSource[] {
  return [
    nvidiaSource(),
    amdSource(),
    appleSource(),
    { kind: "cpu", name: "CPU", query: async () => [capped(await cpuDevice(), share)] },
  ];
}

/** Limits the memory of a device to the configured part. */
export function capped(device: Device, { maxBytes, heldBytes }: CpuShare): Device {
  if (maxBytes === undefined) return device;
  return {
    ...device,
    total_bytes: Math.min(device.total_bytes, maxBytes),
    free_bytes: Math.max(0, Math.min(device.free_bytes, maxBytes - heldBytes())),
  };
}

/** Options of {@linkcode createDevices}. */
export interface DevicesOptions {
  /** `auto`: on a host with GPUs, the CPU is used only by loads that name it. */
  readonly cpu: "auto" | "always";
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Queries devices and caches the result for a short time; concurrent calls share one query.
 *
 * A known device that is no longer listed, or cannot be queried, is unavailable until it is listed
 * again. If the first query of a source fails, it has one unavailable device: a GPU that cannot be
 * used must not look like a machine without one.
 */
export function createDevices(
  sources: readonly DeviceSource[],
  { cpu, clock, log }: DevicesOptions,
): Devices {
  const known = new Map<DeviceSource, readonly Device[]>();
  /** Reasons that were logged, so that each is logged once and not at every heartbeat. */
  const logged = new Map<string, string>();
  let last: readonly Device[] = [];
  let freshUntil = -Infinity;
  let looking: Promise<readonly Device[]> | undefined;

  async function ask(source: DeviceSource): Promise<readonly Device[]> {
    const before = known.get(source) ?? [];
    let now: readonly Device[];
    try {
      const listed = await source.query();
      const ids = new Set(listed.map(({ id }) => id));
      const gone = before.filter(({ id }) => !ids.has(id))
        .map((device) => unavailable(device, "It is not listed any more"));
      now = [...listed.map((device) => withTotal(device, before)), ...gone];
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
    if (reason === logged.get(id)) return;
    if (reason === undefined) {
      logged.delete(id);
      log.info("device_available", { device: id });
    } else {
      logged.set(id, reason);
      log.warn("device_unavailable", { device: id, reason });
    }
  }

  async function look(): Promise<readonly Device[]> {
    // Set before the query, so that invalidate() during it has an effect.
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

/** Marks the CPU of a host with GPUs, usable or not, so that only loads that name it go there. */
function gpusFirst(device: Device, all: readonly Device[]): Device {
  const isSpare = device.kind === "cpu" && all.some(({ kind }) => kind !== "cpu");
  return isSpare ? { ...device, asked_only: true } : device;
}

/** An unavailable device keeps the total that it reported before. */
function withTotal(device: Device, before: readonly Device[]): Device {
  if (device.unavailable === undefined || device.total_bytes > 0) return device;
  const total_bytes = before.find(({ id }) => id === device.id)?.total_bytes ?? 0;
  return { ...device, total_bytes };
}
