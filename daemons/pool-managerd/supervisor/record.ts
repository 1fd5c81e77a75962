import type { Capability, Device, SpawnRequest } from "#shared/contracts/pool.ts";
import { newSecret } from "#shared/secrets.ts";
import type { EngineSection } from "../engines.ts";
import type { WorkerLife } from "./worker_life.ts";

/** What is kept of a worker across our own restart. */
export interface WorkerRecord {
  readonly worker_id: string;
  readonly request_id: string;
  /** Null until the process was started. */
  readonly pid: number | null;
  /** When the kernel started that pid, as it counts: tells a recycled pid. */
  readonly start_time: string | null;
  readonly token: string;
  readonly spawn_token: string;
  readonly model_ref: string;
  readonly fingerprint: string;
  readonly device: string;
  readonly context: number;
  readonly slots: number;
  /** Layers that it was told to put on the device; null: all of them. */
  readonly gpu_layers: number | null;
  readonly estimate_bytes: number;
  /** Port that it was told; 0: it took any free one. */
  readonly port: number;
  /** Where we reach it; null until it listens. */
  readonly uri: string | null;
  /** The accepted ready callback, to know its repeats; null before. */
  readonly callback: string | null;
  readonly backend: string;
  readonly capabilities: readonly Capability[];
  /** What it says that it holds; 0 until it said so. */
  readonly memory_bytes: number;
  /** What its device says that it holds there; null where that does not say. */
  readonly device_bytes: number | null;
  readonly life: WorkerLife;
}

/** A spawn after every check: what exactly is to be started. */
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
  /** Of it or beside it, in the machine's own memory. */
  readonly hostBytes: number;
  /** What serves the model; undefined: our own worker. */
  readonly engine?: EngineSection | undefined;
}

/** Memory that a worker must be counted with: what it will take, until it is known what it took. */
export function committedBytes(record: WorkerRecord): number {
  return record.callback === null
    ? Math.max(record.estimate_bytes, record.memory_bytes)
    : heldBytes(record);
}

/** Memory that it holds by now: what the device says comes before what it says itself. */
export function heldBytes({ device_bytes, memory_bytes }: WorkerRecord): number {
  return device_bytes ?? memory_bytes;
}

/** An id that no worker has had. */
export function newWorkerId(): string {
  return `w-${newSecret().slice(0, 12)}`;
}
