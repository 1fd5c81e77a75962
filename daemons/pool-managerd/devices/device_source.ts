import { devicesOf } from "#shared/contracts/place.ts";
import { type Device, type DeviceKind, deviceKind } from "#shared/contracts/pool.ts";

/** How to query the devices of one maker. */
export interface DeviceSource {
  readonly kind: DeviceKind;
  /** Name of a device if the first query fails. */
  readonly name: string;
  /**
   * The devices with their current figures; empty on a machine without any.
   *
   * @throws if they cannot be queried, or the answer cannot be read
   */
  query(): Promise<Device[]>;
  /**
   * Bytes of each process on a device, by pid; undefined if the maker's tools do not report it. A
   * pid may be absent: in a container, the driver may have another number for it.
   */
  held?(device: Device): Promise<ReadonlyMap<number, number> | undefined>;
}

/** A device that cannot be used now, with no free memory. */
export function unavailable(
  device: Pick<Device, "id" | "kind" | "name"> & { readonly total_bytes?: number },
  reason: string,
): Device {
  const { id, kind, name, total_bytes = 0 } = device;
  return { id, kind, name, total_bytes, free_bytes: 0, unavailable: reason.slice(0, MAX_REASON) };
}

const MAX_REASON = 200;

/** The kind of a place's devices, which its name begins with: `cuda0`, `cuda0.cuda1`, `cpu`. */
export function kindOf(place: string): DeviceKind {
  return deviceKind.parse(devicesOf(place)[0]!.replace(/\d+$/, ""));
}
