import { type Device, type DeviceKind, deviceKind } from "#shared/contracts/pool.ts";

/** One maker's way of telling its devices. */
export interface DeviceSource {
  readonly kind: DeviceKind;
  /** What to call a device of which nothing is known but that it cannot be asked. */
  readonly name: string;
  /**
   * The devices that are there, with what they say now; none on a machine without them.
   *
   * @throws when they cannot be asked, or answer what cannot be read.
   */
  query(): Promise<Device[]>;
  /**
   * Bytes that each process holds on a device, by pid; undefined where the maker does not tell.
   * A pid may be absent: in a container, the driver may know it by another number.
   */
  held?(device: Device): Promise<ReadonlyMap<number, number> | undefined>;
}

/** A device that cannot be used now: it has no free memory. */
export function unavailable(
  device: Pick<Device, "id" | "kind" | "name"> & { readonly total_bytes?: number },
  reason: string,
): Device {
  const { id, kind, name, total_bytes = 0 } = device;
  return { id, kind, name, total_bytes, free_bytes: 0, unavailable: reason.slice(0, MAX_REASON) };
}

const MAX_REASON = 200;

/** The kind of a device, which its id begins with: `cuda0`, `cpu`. */
export function kindOf(deviceId: string): DeviceKind {
  return deviceKind.parse(deviceId.replace(/\d+$/, ""));
}
