import type { Capability, Device, SpawnRequest } from "#shared/contracts/pool.ts";
import { newSecret } from "#shared/secrets.ts";
import type { EngineSection } from "../engines.ts";
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
  readonly device: string;
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
  /** Memory that its device reports for it, in bytes; null if it does not. */
  readonly device_bytes: number | null;
  readonly life: WorkerLife;
}

/** A checked spawn: what exactly to start. */
export interface SpawnPlan {
  readonly request: SpawnRequest;
  readonly modelPath: string;
  /** Every name of the model. */
  readonly modelNames: readonly string[];
  readonly sizeBytes: number;
  readonly device: Pick<Device, "id" | "kind">;
  readonly context: number;
  readonly slots: number;
  /** Layers on the device; null: all of them. */
  readonly gpuLayers: number | null;
  readonly estimateBytes: number;
  /** Main memory that it takes besides, if the GPU holds only some of the layers, in bytes. */
  readonly hostBytes: number;
  /** The engine that serves the model; undefined: our own worker. */
  readonly engine?: EngineSection | undefined;
}

/** Memory that counts for a worker: the estimate, until it is measured. */
export function committedBytes(record: WorkerRecord): number {
  return record.callback === null
    ? Math.max(record.estimate_bytes, record.memory_bytes)
    : heldBytes(record);
}

/** Memory that a worker uses now: the device's figure, otherwise its own. */
export function heldBytes({ device_bytes, memory_bytes }: WorkerRecord): number {
  return device_bytes ?? memory_bytes;
}

/** A new worker id. */
export function newWorkerId(): string {
  return `w-${newSecret().slice(0, 12)}`;
}
