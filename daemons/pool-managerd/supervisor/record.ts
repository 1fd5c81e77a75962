import { devicesOf } from "#shared/contracts/place.ts";
import type { Capability, Device, SpawnRequest } from "#shared/contracts/pool.ts";
import { newSecret } from "#shared/secrets.ts";
import type { Commitment } from "../devices/room.ts";
import type { EngineSection } from "../engines.ts";
import type { LoadSplit } from "../models/measurement.ts";
import type { WorkerLife } from "./worker_life.ts";

/** The stored state of a worker, which survives our restart. */
export interface WorkerRecord {
  readonly worker_id: string;
  readonly request_id: string;
  /** Null until the process was started. */
  readonly pid: number | null;
  /** Start time of that pid, to detect that the pid was reused. */
  readonly start_time: string | null;
  readonly token: string;
  readonly spawn_token: string;
  readonly model_ref: string;
  readonly fingerprint: string;
  /** A device, or several in one name; see `shared/contracts/place.ts`. */
  readonly device: string;
  /** Memory on each device, main memory included, in bytes; null: all on one device. */
  readonly shares: Readonly<Record<string, number>> | null;
  readonly context: number;
  readonly slots: number;
  /** Layers to put on the device; null: all of them. */
  readonly gpu_layers: number | null;
  readonly estimate_bytes: number;
  /** Port that it was started with; 0: any free one. */
  readonly port: number;
  /** Its URL; null until it listens. */
  readonly uri: string | null;
  /** The accepted ready callback, to recognise its repeats; null before. */
  readonly callback: string | null;
  readonly backend: string;
  readonly capabilities: readonly Capability[];
  /** What it says of its model; null: nothing. */
  readonly warning: string | null;
  /** Memory that it reports, in bytes; 0 before. */
  readonly memory_bytes: number;
  /** Memory that its devices report for it, in bytes; null if they do not. */
  readonly device_bytes: number | null;
  readonly life: WorkerLife;
}

/** Memory on a device, in bytes. */
export interface DeviceBytes {
  readonly device: string;
  readonly bytes: number;
}

/** A checked spawn: what exactly to start. */
export interface SpawnPlan {
  readonly request: SpawnRequest;
  readonly modelPath: string;
  /** Path of the file with which the model sees or hears. */
  readonly projectorPath?: string | undefined;
  /** Every name of the model. */
  readonly modelNames: readonly string[];
  readonly sizeBytes: number;
  /** Its place: the id may name several devices. */
  readonly device: Pick<Device, "id" | "kind">;
  /** Memory that it takes on each device, all or none, main memory included. */
  readonly claims: readonly DeviceBytes[];
  /** How its devices divide it; undefined: there is one. */
  readonly split?: LoadSplit | undefined;
  readonly context: number;
  readonly slots: number;
  /** Layers on the device; null: all of them. */
  readonly gpuLayers: number | null;
  readonly estimateBytes: number;
  /** Main memory that it takes, in bytes. */
  readonly hostBytes: number;
  /** The engine that serves the model; undefined: our own worker. */
  readonly engine?: EngineSection | undefined;
}

/** Memory that counts for a worker on the devices of its place: the estimate, until it is measured. */
export function committedBytes(record: WorkerRecord): number {
  const { shares, device, callback, estimate_bytes, memory_bytes } = record;
  if (shares) return devicesOf(device).reduce((sum, id) => sum + (shares[id] ?? 0), 0);
  return callback === null ? Math.max(estimate_bytes, memory_bytes) : heldBytes(record);
}

/** Memory of a worker on each device. */
export function commitmentsOf(record: WorkerRecord): Commitment[] {
  const { shares, device, callback } = record;
  if (!shares) return [{ device, committed: committedBytes(record), held: heldBytes(record) }];
  return Object.entries(shares).map(([id, committed]) => ({
    ...{ device: id, committed, held: callback === null ? 0 : committed },
  }));
}

/** Memory that a worker uses now: the device's figure, otherwise its own. */
function heldBytes({ device_bytes, memory_bytes }: WorkerRecord): number {
  return device_bytes ?? memory_bytes;
}

/** A new worker id. */
export function newWorkerId(): string {
  return `w-${newSecret().slice(0, 12)}`;
}
