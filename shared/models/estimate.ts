import { MOST_CHECKPOINTS, MOST_KEPT } from "../config/llama.ts";
import { defined } from "../json.ts";
import type { GgufInfo } from "./gguf.ts";
import { TENSOR_FORMATS } from "./ggml_types.ts";
import { kvCache } from "./kv_cache.ts";
import type { SplitMemory } from "./device_split.ts";

/** Figures from which a load's memory is estimated, in bytes. */
export interface ModelMemory {
  readonly weight_bytes: number;
  /** For one token of one slot, in an F16 cache, in layers without a window. */
  readonly kv_bytes_per_token: number;
  /** Buffers of one load, independent of its context. */
  readonly compute_bytes: number;
  /** Attention window of layers that have one, in tokens. */
  readonly window_tokens?: number | undefined;
  /** For one token of the window of one slot, in an F16 cache. */
  readonly window_bytes_per_token?: number | undefined;
  /** State of recurrent layers, for one slot, independent of its context. */
  readonly state_bytes_per_slot?: number | undefined;
  /** Tokens computed at once, if not llama.cpp's default. */
  readonly batch_tokens?: number | undefined;
  /** Number of layers, for loads that put only some of them on the device. */
  readonly block_count?: number | undefined;
  /** Part of the weights that settings keep in main memory, though their layers are on a GPU. */
  readonly cpu_weight_bytes?: number | undefined;
  /** Most copies of states and windows, in bytes: they are in main memory, wherever the layers are. */
  readonly checkpoint_bytes?: number | undefined;
  /** Most copies of what slots held, in bytes: they are in main memory, too. */
  readonly kept_bytes?: number | undefined;
  /** Memory that an earlier load actually took. */
  readonly measured?: {
    readonly context: number;
    readonly slots: number;
    readonly memory_bytes: number;
  } | undefined;
}

/** How a model is loaded. */
export interface Load {
  /** Tokens per slot. */
  readonly context: number;
  readonly slots: number;
  /** Type of the values in the KV cache; llama.cpp's own default is `f16`. */
  readonly cacheType?: CacheType | undefined;
  /** Layers on the device; absent or too large: all of them. */
  readonly gpuLayers?: number | undefined;
}

/** Types of llama.cpp's KV cache, with their number in `ggml_type`. */
const CACHE_TYPES = {
  f32: 0,
  f16: 1,
  bf16: 30,
  q8_0: 8,
  q4_0: 2,
  q4_1: 3,
  q5_0: 6,
  q5_1: 7,
  iq4_nl: 20,
} as const;

/** Type of the values in a KV cache. */
export type CacheType = keyof typeof CACHE_TYPES;

const F16_BYTES = 2;
const F32_BYTES = 4;

/** Tokens that llama.cpp computes at once, its `n_ubatch`. */
const BATCH_TOKENS = 512;

/** Settings of a host that change the memory of every load. */
export interface LoadExtras {
  /** Tokens computed at once. */
  readonly batchTokens: number | undefined;
  readonly adapterBytes: number;
  /** Draft model for speculative decoding; loaded with the same slots and context. */
  readonly draft: ModelMemory | undefined;
  /** Most tokens guessed at once; each takes a further state of recurrent layers. */
  readonly guesses: number;
  /** Whether the model's own layers guess, in a context beside that of the others. */
  readonly draftsItself: boolean;
  /** Most bytes of copies of states and windows; 0: none are kept. */
  readonly checkpointBytes: number;
  /** Most bytes of copies of what slots held; 0: none are kept. */
  readonly keptBytes: number;
}

/** llama.cpp rounds the cells of a slot up to a multiple of this. */
const CELLS = 256;

/**
 * Bytes of the attention mask per token of a batch and token of the context: F32 and an F16 copy.
 */
const MASK_BYTES = 6;

/** Memory of a worker's process without a model: its measured resident set, rounded up. */
const PROCESS_BYTES = 96 * 1024 * 1024;

/**
 * Reads a model's memory figures from its metadata; {@linkcode kvCache} has those of the cache.
 *
 * The compute buffer of llama.cpp's graph is bounded by a batch's logits and its widest
 * activations: `n_ubatch × 4 × (vocabulary + 2 × feed-forward + 2 × embedding)`.
 */
export function modelMemory(info: GgufInfo): ModelMemory {
  const { perToken, window, perSlot } = kvCache(info);
  const width = info.vocabSize + 2 * (info.feedForwardLength ?? 0) + 2 * info.embeddingLength;
  return {
    weight_bytes: info.weightBytes,
    kv_bytes_per_token: Math.ceil(perToken * F16_BYTES),
    compute_bytes: PROCESS_BYTES + BATCH_TOKENS * F32_BYTES * width,
    ...(window && {
      window_tokens: window.tokens,
      window_bytes_per_token: Math.ceil(window.perToken * F16_BYTES),
    }),
    ...(perSlot > 0 ? { state_bytes_per_slot: Math.ceil(perSlot * F32_BYTES) } : {}),
    block_count: info.blockCount,
  };
}

/** The figures with the configured types of keys and values, which count as if they had the same size. */
export function withCacheTypes<M extends ModelMemory>(
  model: M,
  { cache_type_k = "f16", cache_type_v = "f16" }: {
    readonly cache_type_k?: CacheType | undefined;
    readonly cache_type_v?: CacheType | undefined;
  },
): M {
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

/** Adds to a model's figures those of its host's settings. */
export function withExtras<M extends ModelMemory>(
  model: M,
  { batchTokens, adapterBytes, draft, guesses, draftsItself, checkpointBytes, keptBytes }:
    LoadExtras,
): M {
  const buffers = (memory: ModelMemory) =>
    Math.max(0, memory.compute_bytes - PROCESS_BYTES) *
    ((batchTokens ?? BATCH_TOKENS) / BATCH_TOKENS);
  const process = Math.min(model.compute_bytes, PROCESS_BYTES);
  const beside = adapterBytes + (draft ? draft.weight_bytes + buffers(draft) : 0);
  // The draft's windows count as the whole context, since the draft is small.
  const draftPerToken = (draft?.kv_bytes_per_token ?? 0) + (draft?.window_bytes_per_token ?? 0);
  // A second context has buffers of its own; the cache of its layers counts with the others.
  const contexts = draftsItself ? 2 : 1;
  const hasCopies = model.window_tokens !== undefined || model.state_bytes_per_slot !== undefined;
  const states = (1 + guesses) * (model.state_bytes_per_slot ?? 0) +
    (draft?.state_bytes_per_slot ?? 0);
  return {
    ...model,
    ...defined({ batch_tokens: batchTokens }),
    compute_bytes: Math.ceil(process + contexts * buffers(model) + beside),
    kv_bytes_per_token: model.kv_bytes_per_token + draftPerToken,
    ...(states === 0 ? {} : { state_bytes_per_slot: states }),
    ...(hasCopies ? { checkpoint_bytes: checkpointBytes } : {}),
    kept_bytes: keptBytes,
  };
}

/**
 * Estimates the memory of a load on its device, in bytes: weights, slots, and compute buffers. If
 * an earlier load was measured, it is the measured figure plus the difference between the two
 * loads; it had none of the copies then that are made later.
 *
 * With only some layers on the device, weights and cache count by the share of those layers; a
 * measured figure must then be of a load with the same layers.
 */
export function estimateMemory(model: ModelMemory, load: Load): number {
  const { measured } = model;
  if (measured) {
    const before = growing(withoutCopies(model), { ...load, ...measured });
    return Math.max(0, Math.round(measured.memory_bytes - before)) + growing(model, load);
  }
  const weights = Math.ceil(deviceWeights(model) * deviceShare(model, load));
  return weights + growing(model, load) + model.compute_bytes;
}

/**
 * The same memory without a measurement, as several devices divide it; undefined for a model that cannot
 * be divided, since its layers are not known.
 */
export function splitMemory(model: ModelMemory, load: Load): SplitMemory | undefined {
  const { block_count } = model;
  if (block_count === undefined) return undefined;
  const layers = Math.min(load.gpuLayers ?? Infinity, block_count + 1);
  const share = deviceShare(model, load);
  return {
    layers,
    layer_bytes: Math.ceil((deviceWeights(model) + cacheBytes(model, load)) * share),
    each_bytes: model.compute_bytes + maskBytes(model, load),
  };
}

/**
 * Estimates the main memory of a load in bytes: weights and cache of the layers that are not on its
 * device, what settings keep there, and copies.
 */
export function estimateHostMemory(model: ModelMemory, load: Load): number {
  const rest = 1 - deviceShare(model, load);
  const kept = model.weight_bytes - deviceWeights(model);
  const own = rest * (deviceWeights(model) + cacheBytes(model, load)) + kept;
  return Math.ceil(own) + copyBytes(model, load);
}

/** Weights that are on devices if all layers are. */
function deviceWeights({ weight_bytes, cpu_weight_bytes = 0 }: ModelMemory): number {
  return Math.max(0, weight_bytes - cpu_weight_bytes);
}

/** The part of a load's memory that grows with its context and slots. */
function growing(model: ModelMemory, load: Load): number {
  const cache = Math.ceil(cacheBytes(model, load) * deviceShare(model, load));
  return cache + copyBytes(model, load) + maskBytes(model, load);
}

function maskBytes({ batch_tokens = BATCH_TOKENS }: ModelMemory, { context }: Load): number {
  return batch_tokens * MASK_BYTES * cells(context);
}

/**
 * Most copies of states that prompts go back to, and of what slots held. They are counted with a device's
 * memory, unless the figures are {@linkcode withoutCopies}.
 */
export function copyBytes(model: ModelMemory, load: Load): number {
  const { kept_bytes = 0 } = model;
  return checkpointBytes(model, load) + Math.min(kept_bytes, MOST_KEPT * cacheBytes(model, load));
}

/** Most copies of states and windows. */
function checkpointBytes(model: ModelMemory, { context, slots, cacheType = "f16" }: Load): number {
  const { checkpoint_bytes = 0, window_tokens = 0, window_bytes_per_token = 0 } = model;
  const batch = model.batch_tokens ?? BATCH_TOKENS;
  // A shorter context is held whole, and can be cut anywhere.
  const window = context <= window_tokens + batch
    ? 0
    : window_bytes_per_token * cacheScale(cacheType) * cells(window_tokens + batch + 1);
  const copy = (model.state_bytes_per_slot ?? 0) + window;
  return Math.ceil(Math.min(checkpoint_bytes, slots * MOST_CHECKPOINTS * copy));
}

/** The figures of a load on a GPU, which has no copies. */
export function withoutCopies<M extends ModelMemory>(model: M): M {
  return { ...model, checkpoint_bytes: undefined, kept_bytes: undefined };
}

/** KV cache and recurrent states of all slots. */
function cacheBytes(model: ModelMemory, { context, slots, cacheType = "f16" }: Load): number {
  const scale = cacheScale(cacheType);
  // llama.cpp keeps a window, a batch, and one token more.
  const windowCells = Math.min(
    cells(context),
    cells((model.window_tokens ?? 0) + (model.batch_tokens ?? BATCH_TOKENS) + 1),
  );
  const kv = model.kv_bytes_per_token * cells(context) +
    (model.window_bytes_per_token ?? 0) * windowCells;
  return slots * (Math.ceil(kv * scale) + (model.state_bytes_per_slot ?? 0));
}

/** Size of a cache of this type relative to an F16 cache. */
export function cacheScale(type: CacheType): number {
  const { values, bytes } = TENSOR_FORMATS.get(CACHE_TYPES[type])!;
  return bytes / values / F16_BYTES;
}

/** Share of layers on the device, from 0 to 1; llama.cpp counts the output as one more layer. */
function deviceShare({ block_count }: ModelMemory, { gpuLayers }: Load): number {
  if (gpuLayers === undefined || block_count === undefined) return 1;
  return Math.min(1, gpuLayers / (block_count + 1));
}

function cells(tokens: number): number {
  return Math.ceil(tokens / CELLS) * CELLS;
}
