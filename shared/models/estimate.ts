import type { GgufInfo } from "./gguf.ts";

/** What of a model takes memory, in bytes. */
export interface ModelMemory {
  readonly weight_bytes: number;
  /** For one token of one slot. */
  readonly kv_bytes_per_token: number;
  /** Buffers of one load, whatever its context. */
  readonly compute_bytes: number;
  /** What an earlier load really took. */
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
}

/** Bytes of one value in the KV cache; llama.cpp keeps F16. */
const KV_VALUE_BYTES = 2;

/** Tokens that llama.cpp computes at once, its `n_ubatch`. */
const BATCH_TOKENS = 512;

/** Bytes of one value in a compute buffer (F32). */
const COMPUTE_VALUE_BYTES = 4;

/** What the worker's process takes without any model: measured as its resident set, rounded up. */
const PROCESS_BYTES = 96 * 1024 * 1024;

/**
 * What of a model takes memory, from its metadata.
 *
 * The KV cache holds, for each token and layer, keys and values of the key-value heads (grouped-query
 * attention has fewer of them than query heads). The compute buffer of llama.cpp's graph is bounded
 * by a batch's logits and its widest activations: `n_ubatch × 4 × (vocabulary + 2 × feed-forward +
 * 2 × embedding)`.
 */
export function modelMemory(info: GgufInfo): ModelMemory {
  const heads = perLayer(info.headCount, info.blockCount);
  const headsKv = perLayer(info.headCountKv, info.blockCount);
  let kvValues = 0;
  for (let layer = 0; layer < info.blockCount; layer++) {
    const headLength = info.embeddingLength / Math.max(1, heads[layer] ?? 1);
    const key = info.keyLength ?? headLength;
    const value = info.valueLength ?? headLength;
    kvValues += (headsKv[layer] ?? 0) * (key + value);
  }
  const width = info.vocabSize + 2 * (info.feedForwardLength ?? 0) + 2 * info.embeddingLength;
  return {
    weight_bytes: info.weightBytes,
    kv_bytes_per_token: Math.ceil(kvValues * KV_VALUE_BYTES),
    compute_bytes: PROCESS_BYTES + BATCH_TOKENS * COMPUTE_VALUE_BYTES * width,
  };
}

/**
 * Memory that a load takes, in bytes: weights + KV per token × context × slots + compute. Where an
 * earlier load was measured, that figure and the difference in KV take its place.
 */
export function estimateMemory(model: ModelMemory, load: Load): number {
  const kv = model.kv_bytes_per_token * load.context * load.slots;
  const { measured } = model;
  if (!measured) return model.weight_bytes + kv + model.compute_bytes;
  const measuredKv = model.kv_bytes_per_token * measured.context * measured.slots;
  return Math.max(0, measured.memory_bytes - measuredKv) + kv;
}

function perLayer(value: number | readonly number[], layers: number): readonly number[] {
  return typeof value === "number" ? Array.from({ length: layers }, () => value) : value;
}
