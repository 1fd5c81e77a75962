import type { PoolModel, SpawnRequest } from "#shared/contracts/pool.ts";
import type { WorkerRecord } from "../supervisor/record.ts";
import { newLife } from "../supervisor/worker_life.ts";

/** A fingerprint. */
export const FINGERPRINT = "f".repeat(64);

/** A worker as the store keeps it, just started. */
export function workerRecord(changes: Partial<WorkerRecord> = {}): WorkerRecord {
  return {
    worker_id: "w-1",
    request_id: "r-1",
    pid: 4711,
    start_time: "99",
    token: "token",
    spawn_token: "spawn-token",
    model_ref: "demo",
    fingerprint: FINGERPRINT,
    device: "cpu",
    shares: null,
    context: 128,
    slots: 2,
    gpu_layers: null,
    estimate_bytes: 1000,
    port: 8001,
    uri: null,
    callback: null,
    backend: "cpu",
    capabilities: [],
    warning: null,
    memory_bytes: 0,
    device_bytes: null,
    life: newLife(0, 1000),
    ...changes,
  };
}

/** A model on disk. */
export function poolModel(changes: Partial<PoolModel> = {}): PoolModel {
  return {
    model_ref: "demo",
    aliases: ["small"],
    fingerprint: FINGERPRINT,
    path: "/models/demo.gguf",
    size_bytes: 2_000_000,
    architecture: "llama",
    context_length: 256,
    weight_bytes: 2_000_000,
    kv_bytes_per_token: 100,
    compute_bytes: 500,
    staged: false,
    ...changes,
  };
}

/** A spawn of {@linkcode poolModel}. */
export function spawnRequest(changes: Partial<SpawnRequest> = {}): SpawnRequest {
  return { request_id: "r-1", model_ref: "demo", fingerprint: FINGERPRINT, ...changes };
}
