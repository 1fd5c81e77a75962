import type { PoolModel } from "#shared/contracts/pool.ts";
import { cacheScale } from "#shared/models/estimate.ts";
import type { FoundModel, ScanResult } from "#shared/models/scan.ts";
import type { PoolConfig, WorkerLlama } from "../config.ts";
import { engineOf, type Engines } from "./engines.ts";

/** Names by which a model may be meant. */
type Named = Pick<PoolModel, "model_ref" | "aliases">;

/** How llama.cpp is to compute a model: what all workers are told, and over it what its own are. */
export function settingsOf(
  names: readonly string[],
  { llama, models }: WorkerLlama,
): Partial<WorkerLlama["models"][string]> {
  const own = Object.entries(models).find(([name]) => names.includes(name))?.[1];
  return { ...llama, ...own };
}

/**
 * What a scan found, its caches as large and its layers on a GPU as many as this configuration makes
 * them: so whoever estimates a load, here or in the orchestrator, counts with the same. Keys and values
 * are taken to be of one size.
 */
export function withSettings({ models, problems }: ScanResult, config: PoolConfig): ScanResult {
  const { worker, engines } = config;
  return {
    problems,
    models: models.map((model) => {
      if (engineOf(model, engines)) return model;
      const settings = settingsOf(namesOf(model), worker);
      return { ...withCacheTypes(model, settings), ...layersOf(settings) };
    }),
  };
}

type Settings = ReturnType<typeof settingsOf>;

function layersOf({ gpu_layers }: Settings): Pick<FoundModel, "gpu_layers"> {
  return gpu_layers === undefined ? {} : { gpu_layers };
}

function withCacheTypes(model: FoundModel, settings: Settings): FoundModel {
  const { cache_type_k = "f16", cache_type_v = "f16" } = settings;
  const scale = (cacheScale(cache_type_k) + cacheScale(cache_type_v)) / 2;
  if (scale === 1) return model;
  const { kv_bytes_per_token, window_bytes_per_token } = model;
  return {
    ...model,
    kv_bytes_per_token: Math.ceil(kv_bytes_per_token * scale),
    ...(window_bytes_per_token === undefined
      ? {}
      : { window_bytes_per_token: Math.ceil(window_bytes_per_token * scale) }),
  };
}

/**
 * By what the measured loads of a model are kept: its fingerprint, and whatever of the configuration
 * makes loads of the same context and slots take another memory.
 */
export function measurementKey(
  model: Named & Pick<PoolModel, "fingerprint">,
  worker: WorkerLlama,
  engines: Engines,
): string {
  const command = engineOf(model, engines)?.command;
  const { cache_type_k, cache_type_v, draft_model, no_mmap } = settingsOf(namesOf(model), worker);
  const settings = command ? { command } : { cache_type_k, cache_type_v, draft_model, no_mmap };
  const told = Object.entries(settings).filter(([, value]) => value !== undefined);
  return told.length === 0
    ? model.fingerprint
    : `${model.fingerprint} ${JSON.stringify(Object.fromEntries(told))}`;
}

function namesOf({ model_ref, aliases }: Named): string[] {
  return [model_ref, ...aliases];
}
