import type { Device } from "#shared/contracts/pool.ts";
import type { DeviceSource } from "../devices/device_source.ts";

/** A source of devices that a test changes as it goes. */
export interface FakeSource extends DeviceSource {
  devices: readonly Device[];
  /** Thrown at a look while it is set. */
  error: Error | undefined;
  /** Bytes that processes hold, by pid. */
  readonly processes: Map<number, number>;
  /** How often it was asked. */
  readonly looks: number;
}

/** A source of one kind that tells what the test says. */
export function fakeSource(devices: readonly Device[], kind = devices[0]!.kind): FakeSource {
  let looks = 0;
  const processes = new Map<number, number>();
  const source: FakeSource = {
    kind,
    name: "Fake",
    devices,
    error: undefined,
    processes,
    get looks() {
      return looks;
    },
    query() {
      looks++;
      return source.error ? Promise.reject(source.error) : Promise.resolve([...source.devices]);
    },
    held: () => Promise.resolve(processes),
  };
  return source;
}

/** A device. */
export function device(id: string, kind: Device["kind"], total: number, free = total): Device {
  return { id, kind, name: id, total_bytes: total, free_bytes: free };
}
