import type { Device, DeviceKind } from "./pool.ts";

/** Stands between the devices of a place; no device's name has it. */
const SEPARATOR = ".";

/**
 * The devices of a place where a model can be: one, or several of a kind that hold it together.
 *
 * @param place A device's name, or several: `cuda0`, `cuda0.cuda1`.
 */
export function devicesOf(place: string): string[] {
  return place.split(SEPARATOR);
}

/** The name of a place. */
export function placeOf(devices: readonly string[]): string {
  return devices.join(SEPARATOR);
}

/** The kind of a place's devices; undefined if its pool has none of them. */
export function kindAt(
  devices: readonly Pick<Device, "id" | "kind">[],
  place: string,
): DeviceKind | undefined {
  const [first] = devicesOf(place);
  return devices.find(({ id }) => id === first)?.kind;
}

/** Memory of a worker on a device, in bytes. */
export function shareOn(
  { device, memory_bytes, shares }: {
    readonly device: string;
    readonly memory_bytes: number;
    readonly shares?: Readonly<Record<string, number>> | undefined;
  },
  id: string,
): number {
  return shares ? shares[id] ?? 0 : device === id ? memory_bytes : 0;
}

/**
 * Why a pool cannot have a place; undefined if it can. Several devices must be GPUs of one kind, each
 * named once, in the order of the pool's list.
 */
export function faultOfPlace(
  devices: readonly Pick<Device, "id" | "kind">[],
  place: string,
): string | undefined {
  const ids = devicesOf(place);
  const places = ids.map((id) => devices.findIndex((device) => device.id === id));
  const missing = ids.find((_, index) => places[index] === -1);
  if (missing !== undefined) return `has no device "${missing}"`;
  if (ids.length === 1) return undefined;
  if (places.some((at, index) => index > 0 && at <= places[index - 1]!)) {
    return `lists its devices in another order, each once`;
  }
  const kinds = new Set(places.map((at) => devices[at]!.kind));
  if (kinds.size > 1 || kinds.has("cpu")) return "can divide a model only among GPUs of one kind";
  return undefined;
}
