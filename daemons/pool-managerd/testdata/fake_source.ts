import type { Device } from "#shared/contracts/pool.ts";
import type { DeviceSource } from "../devices/device_source.ts";

/** A source of devices that a test may change at any time. */
export interface FakeSource extends DeviceSource {
  devices: readonly Device[];
  /** Thrown by queries while set. */
  error: Error | undefined;
  /** Memory of processes in bytes, by pid. */
  readonly processes: Map<number, number>;
  /** Number of queries. */
  readonly looks: number;
}

/** A source of one kind whose devices the test sets. */
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
