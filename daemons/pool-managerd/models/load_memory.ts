import type { PoolModel } from "#shared/contracts/pool.ts";
import { FEW_DRAFT_TOKENS } from "#shared/config/llama.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { LoadDefaults } from "#shared/models/default_load.ts";
import {
  cacheScale,
  type LoadExtras,
  type ModelMemory,
  modelMemory,
  withExtras,
} from "#shared/models/estimate.ts";
import {
  type FoundModel,
  readCached,
  type ScanCache,
  type ScanResult,
} from "#shared/models/scan.ts";
import { contextOf, type PoolConfig, type WorkerLlama } from "../config.ts";
import { engineOf, type Engines } from "../engines.ts";

/** Names of a model. */
type Named = Pick<PoolModel, "model_ref" | "aliases">;

/** llama.cpp's settings for a model: those of all workers, overridden by those of the model. */
export function settingsOf(
  names: readonly string[],
  { llama, models }: WorkerLlama,
): Partial<WorkerLlama["models"][string]> {
  const own = Object.entries(models).find(([name]) => names.includes(name))?.[1];
  return { ...llama, ...own };
}

/**
 * Context and slots of loads that do not name them.
 *
 * @param deviceBytes Memory that a context must fit if it is `auto`.
 */
export function defaultsOf(
  { default_context, default_slots }: Pick<
    PoolConfig["worker"],
    "default_context" | "default_slots"
  >,
  deviceBytes: number,
): LoadDefaults {
  const context = contextOf(default_context);
  return { context: context === "auto" ? { deviceBytes } : context, slots: default_slots };
}

/**
 * Applies the configuration to the result of a scan, as far as it changes the memory of loads:
 * cache types, GPU layers, batch size, adapters and a draft model. So everyone estimates loads with
 * the same figures. Keys and values count as if they had the same size. A model whose adapter or
 * draft model cannot be read could not be loaded, and becomes a problem.
 *
 * @param files Reads adapters and draft models.
 */
export async function withSettings(
  found: ScanResult,
  { worker, engines }: Pick<PoolConfig, "worker" | "engines">,
  files: ExtraFiles = extraFiles(),
): Promise<ScanResult> {
  const models: FoundModel[] = [];
  const problems = [...found.problems];
  for (const model of found.models) {
    if (engineOf(model, engines)) {
      models.push(model);
      continue;
    }
    const settings = settingsOf(namesOf(model), worker);
    try {
      const extras = await extrasOf(settings, files);
      models.push({
        ...withExtras(withCacheTypes(model, settings), extras),
        ...layersOf(settings),
      });
    } catch (error) {
      problems.push({ path: model.path, message: errorMessage(error) });
    }
  }
  return { models, problems };
}

type Settings = ReturnType<typeof settingsOf>;

/** Reads adapters and draft models. */
export interface ExtraFiles {
  /** @throws if the file does not exist or may not be read */
  sizeOf(path: string): Promise<number>;
  /** @throws {LlorchError} if it is not a model */
  memoryOf(path: string): Promise<ModelMemory>;
}

/** {@linkcode ExtraFiles} of this machine; headers are read once. */
export function extraFiles(cache: ScanCache = new Map()): ExtraFiles {
  return {
    async sizeOf(path) {
      using file = await Deno.open(path);
      return (await file.stat()).size;
    },
    memoryOf: async (path) => modelMemory(await readCached(path, cache)),
  };
}

async function extrasOf(settings: Settings, files: ExtraFiles): Promise<LoadExtras> {
  const { lora = {}, draft_model, batch_size, speculative = "off" } = settings;
  const { draft_tokens = FEW_DRAFT_TOKENS } = settings;
  let adapterBytes = 0;
  for (const [name, path] of Object.entries(lora)) {
    adapterBytes += await read(`adapter "${name}"`, path, files.sizeOf(path));
  }
  const draft = draft_model !== undefined
    ? await read("draft model", draft_model, files.memoryOf(draft_model))
    : undefined;
  const guesses = speculative === "off" ? 0 : draft_tokens;
  return { batchTokens: batch_size, adapterBytes, draft, guesses };
}

async function read<T>(what: string, path: string, value: Promise<T>): Promise<T> {
  try {
    return await value;
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound ? "it is not there" : errorMessage(error);
    throw new LlorchError("NOT_FOUND", `Its ${what} (${path}) cannot be read: ${reason}`);
  }
}

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
 * Key of a model's measured loads: its fingerprint, and all settings that change the memory of
 * loads with the same context and slots.
 */
export function measurementKey(
  model: Named & Pick<PoolModel, "fingerprint">,
  worker: WorkerLlama,
  engines: Engines,
): string {
  const command = engineOf(model, engines)?.command;
  const all = settingsOf(namesOf(model), worker);
  const { cache_type_k, cache_type_v, draft_model, no_mmap, batch_size, lora } = all;
  const { speculative, draft_tokens, checkpoint_mib } = all;
  const settings = command ? { command } : {
    cache_type_k,
    cache_type_v,
    draft_model,
    no_mmap,
    batch_size,
    lora,
    speculative,
    draft_tokens,
    checkpoint_mib,
  };
  const configured = Object.entries(settings).filter(([, value]) => value !== undefined);
  return configured.length === 0
    ? model.fingerprint
    : `${model.fingerprint} ${JSON.stringify(Object.fromEntries(configured))}`;
}

function namesOf({ model_ref, aliases }: Named): string[] {
  return [model_ref, ...aliases];
}
