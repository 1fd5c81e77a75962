import type { PoolModel } from "#shared/contracts/pool.ts";
import {
  FEW_DRAFT_TOKENS,
  gpuLayersOf,
  mostCheckpointBytes,
  mostKeptBytes,
  overridesOf,
} from "#shared/config/llama.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { LoadDefaults } from "#shared/models/default_load.ts";
import {
  type LoadExtras,
  type ModelMemory,
  modelMemory,
  withCacheTypes,
  withExtras,
} from "#shared/models/estimate.ts";
import { readTensorSizes } from "#shared/models/gguf.ts";
import {
  type FoundModel,
  readCached,
  type ScanCache,
  type ScanResult,
} from "#shared/models/scan.ts";
import { contextOf, type PoolConfig, type WorkerLlama } from "../config.ts";
import { engineOf, type Engines } from "../engines.ts";

/** Names of a model. */
type Named = Pick<PoolModel, "model_ref" | "aliases" | "elsewhere">;

/** llama.cpp's settings for a model: those of all workers, overridden by those of the model. */
export function settingsOf(
  names: readonly string[],
  { llama, models }: WorkerLlama,
): Partial<WorkerLlama["models"][string]> {
  const own = Object.entries(models).find(([name]) => names.includes(name))?.[1];
  const settings = { ...llama, ...own };
  if (settings.speculative !== undefined) return settings;
  // That of all models may be for others of them, and a worker refuses it alone.
  const { draft_tokens: _, ...rest } = settings;
  return rest;
}

/** Share of main memory for what the slots of one worker held, unless configured otherwise, and most of it. */
const CACHE = { share: 1 / 32, mostMib: 512 };

/**
 * The settings of workers on a host, whose memory decides how much of what slots held is kept.
 *
 * @param memoryBytes Main memory for all workers.
 */
export function onHost<C extends Pick<PoolConfig, "worker">>(config: C, memoryBytes: number): C {
  const { worker } = config;
  const cache_mib = Math.min(CACHE.mostMib, Math.floor(memoryBytes * CACHE.share / 2 ** 20));
  return { ...config, worker: { ...worker, llama: { cache_mib, ...worker.llama } } };
}

/** What settings say of a model's places: on which devices its layers may be. */
export type PlaceSettings = Pick<Settings, "split" | "split_ratio" | "gpu_layers">;

/** The settings of a model's places; a model of another engine is on one device. */
export function placeSettingsOf(
  model: Named,
  { worker, engines }: Pick<PoolConfig, "worker" | "engines">,
): PlaceSettings {
  return engineOf(model, engines) ? { split: "none" } : settingsOf(namesOf(model), worker);
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
        ...await keptOnCpu(model.path, settings, files),
      });
    } catch (error) {
      problems.push({ path: model.path, message: errorMessage(error) });
    }
  }
  return { models, problems };
}

/** Settings of llama.cpp for one model. */
export type Settings = ReturnType<typeof settingsOf>;

/** Reads adapters and draft models. */
export interface ExtraFiles {
  /** @throws if the file does not exist or may not be read */
  sizeOf(path: string): Promise<number>;
  /** @throws {LlorchError} if it is not a model */
  memoryOf(path: string): Promise<ModelMemory>;
  /**
   * Bytes of a model's tensors by name.
   *
   * @throws {LlorchError} if it is not a model
   */
  tensorsOf(path: string): Promise<ReadonlyMap<string, number>>;
}

/** {@linkcode ExtraFiles} of this machine; headers are read once. */
export function extraFiles(cache: ScanCache = new Map()): ExtraFiles {
  const tensors = new Map<
    string,
    { readonly fingerprint: string; readonly sizes: ReadonlyMap<string, number> }
  >();
  return {
    async sizeOf(path) {
      using file = await Deno.open(path);
      return (await file.stat()).size;
    },
    memoryOf: async (path) => modelMemory(await readCached(path, cache)),
    async tensorsOf(path) {
      const { fingerprint } = await readCached(path, cache);
      const known = tensors.get(path);
      if (known?.fingerprint === fingerprint) return known.sizes;
      const sizes = await readTensorSizes(path);
      tensors.set(path, { fingerprint, sizes });
      return sizes;
    },
  };
}

/** The part of a model's weights that settings keep in main memory, though its layers are on a GPU. */
async function keptOnCpu(
  path: string,
  settings: Settings,
  files: ExtraFiles,
): Promise<Pick<FoundModel, "cpu_weight_bytes">> {
  const overrides = overridesOf(settings)
    .map(({ pattern, gpu }) => ({ pattern: new RegExp(pattern), gpu }));
  if (overrides.length === 0) return {};
  let kept = 0;
  for (const [name, bytes] of await files.tensorsOf(path)) {
    const first = overrides.find(({ pattern }) => pattern.test(name));
    if (first && first.gpu === undefined) kept += bytes;
  }
  return kept === 0 ? {} : { cpu_weight_bytes: kept };
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
  return {
    ...{ batchTokens: batch_size, adapterBytes, draft, guesses },
    draftsItself: speculative === "mtp",
    checkpointBytes: mostCheckpointBytes(settings),
    keptBytes: mostKeptBytes(settings),
  };
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
  const layers = gpuLayersOf(gpu_layers);
  return typeof layers === "number" ? { gpu_layers: layers } : {};
}

/**
 * Key of a model's measured loads: its fingerprint, and all settings that change the memory of
 * loads with the same context and slots.
 */
export function measurementKey(
  model: Named & Pick<PoolModel, "fingerprint" | "projector">,
  worker: WorkerLlama,
  engines: Engines,
): string {
  const { command, url } = engineOf(model, engines) ?? {};
  const own = settingsOf(namesOf(model), worker);
  const { cache_type_k, cache_type_v, draft_model, no_mmap, batch_size, lora } = own;
  const { cpu_moe, cpu_moe_layers, tensor_overrides } = own;
  const { speculative, draft_tokens, checkpoint_mib, cache_mib, backend_sampling } = own;
  const { no_mmproj_offload } = own;
  const settings = command || url ? { command, url } : {
    ...{ cache_type_k, cache_type_v, draft_model, no_mmap, batch_size, lora },
    ...{ cpu_moe, cpu_moe_layers, tensor_overrides },
    ...{ speculative, draft_tokens, checkpoint_mib, cache_mib, backend_sampling },
    no_mmproj_offload,
    projector: model.projector?.path,
  };
  const configured = Object.entries(settings).filter(([, value]) => value !== undefined);
  return configured.length === 0
    ? model.fingerprint
    : `${model.fingerprint} ${JSON.stringify(Object.fromEntries(configured))}`;
}

function namesOf({ model_ref, aliases }: Named): string[] {
  return [model_ref, ...aliases];
}
