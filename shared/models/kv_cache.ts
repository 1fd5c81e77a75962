import type { CacheFacts } from "./cache_facts.ts";
import type { GgufInfo } from "./gguf.ts";

/** Size of llama.cpp's cache for a slot, in values of the cache's type. */
export interface KvCache {
  /** Values for each token, in layers without a window. */
  readonly perToken: number;
  /** Window length, and values for each token of it, in layers with a window. */
  readonly window: { readonly tokens: number; readonly perToken: number } | undefined;
  /** F32 values for each slot, in recurrent layers. */
  readonly perSlot: number;
}

/** Which layers of an architecture have an attention window in llama.cpp. */
interface WindowRule {
  /** One layer in this many has no window, unless the file says otherwise; 0: all have one. */
  readonly period: number;
  /** The first layer of each period has no window, instead of the last. */
  readonly denseFirst?: boolean;
  /** Window in tokens if the file has none; absent: then there is no window. */
  readonly window?: number;
}

/**
 * Architectures whose windows llama.cpp uses (`load_arch_hparams` in its `src/models`). Files of
 * others may have a window that it ignores: phi3, mistral, qwen2.
 */
const WINDOWED: ReadonlyMap<string, WindowRule> = new Map([
  ["gemma2", { period: 2, window: 4096 }],
  ["gemma3", { period: 6 }],
  ["gemma3n", { period: 5 }],
  ["gemma4", { period: 6 }],
  ["cohere2", { period: 4 }],
  ["cohere2moe", { period: 4, denseFirst: true }],
  ["exaone-moe", { period: 4 }],
  ["olmo2", { period: 4 }],
  ["plamo3", { period: 8 }],
  ["llama4", { period: 4, window: 8192 }],
  ["smallthinker", { period: 4, denseFirst: true }],
  ["afmoe", { period: 4 }],
  ["laguna", { period: 4, denseFirst: true }],
  ["gpt-oss", { period: 2 }],
  ["lfm2", { period: 0 }],
  ["lfm2moe", { period: 0 }],
  ["mimo2", { period: 1 }],
  ["step35", { period: 1 }],
  ["granite_swa", { period: 1 }],
  ["mellum", { period: 4 }],
]);

/** Layers of gemma3n with a cache of their own; the other layers share it. */
const GEMMA3N_CACHED_LAYERS = 20;

/** Hybrids with attention in every fourth layer, unless their file says otherwise. */
const INTERVAL_HYBRIDS: ReadonlySet<string> = new Set(["qwen3next", "qwen35", "qwen35moe"]);

/**
 * Computes the size of a slot's cache, as llama.cpp's memory modules allocate it.
 *
 * 1. A recurrent layer keeps a state for each slot; only those of falcon-h1 have attention too.
 * 2. A layer that shares an earlier layer's cache keeps nothing.
 * 3. Any other layer keeps keys and values of its key-value heads (grouped-query attention has
 *    fewer of them than query heads); with latent attention, only keys.
 * 4. A windowed layer keeps them for its window, the others for the whole context.
 */
export function kvCache(info: GgufInfo): KvCache {
  const { architecture, blockCount } = info;
  const facts = info.cache ?? {};
  const heads = perLayer(info.headCount, blockCount);
  const headsKv = perLayer(info.headCountKv, blockCount);
  const rule = WINDOWED.get(architecture);
  const window = rule && (facts.window ?? rule.window);
  const cached = architecture === "gemma3n"
    ? GEMMA3N_CACHED_LAYERS
    : blockCount - (facts.sharedLayers ?? 0);
  const state = stateValues(info.embeddingLength, facts);
  let perToken = 0;
  let windowed = 0;
  let perSlot = 0;
  for (let layer = 0; layer < blockCount; layer++) {
    const headsHere = headsKv[layer] ?? 0;
    // 1
    if (state > 0 && isRecurrent(architecture, layer, headsHere, facts)) {
      perSlot += state;
      if (architecture !== "falcon-h1") continue;
    }
    // 2
    if (layer >= cached) continue;
    // 3
    const isWindowed = window !== undefined && isWindowedLayer(layer, rule!, facts);
    const headLength = info.embeddingLength / Math.max(1, heads[layer] ?? 1);
    const key = (isWindowed ? facts.windowKeyLength : undefined) ?? info.keyLength ?? headLength;
    const value = (isWindowed ? facts.windowValueLength : undefined) ?? info.valueLength ??
      headLength;
    const values = headsHere * (facts.latent ? key : key + value);
    // 4
    if (isWindowed) windowed += values;
    else perToken += values;
  }
  return {
    perToken,
    window: windowed > 0 ? { tokens: window!, perToken: windowed } : undefined,
    perSlot,
  };
}

function isWindowedLayer(layer: number, rule: WindowRule, { windowPattern }: CacheFacts): boolean {
  if (typeof windowPattern === "object") return windowPattern[layer] === 1;
  const period = windowPattern ?? rule.period;
  if (period === 0) return true;
  return rule.denseFirst ? layer % period !== 0 : layer % period < period - 1;
}

function isRecurrent(
  architecture: string,
  layer: number,
  headsKv: number,
  { recurrentLayers, attentionInterval }: CacheFacts,
): boolean {
  if (architecture === "falcon-h1") return true;
  if (recurrentLayers) return recurrentLayers[layer] === 1;
  const interval = attentionInterval ?? (INTERVAL_HYBRIDS.has(architecture) ? 4 : undefined);
  return interval === undefined ? headsKv === 0 : (layer + 1) % interval !== 0;
}

/** Values of one recurrent layer for a slot: the last columns of its convolution, and its state. */
function stateValues(embedding: number, facts: CacheFacts): number {
  const { wkvHeadSize, tokenShift = 2, shortConvolution } = facts;
  if (wkvHeadSize !== undefined) return embedding * (tokenShift + wkvHeadSize);
  if (shortConvolution !== undefined) return embedding * (shortConvolution - 1);
  const { convKernel = 1, innerSize = 0, stateSize = 0, groupCount = 0 } = facts;
  return (convKernel - 1) * (innerSize + 2 * groupCount * stateSize) + stateSize * innerSize;
}

function perLayer(value: number | readonly number[], layers: number): readonly number[] {
  return typeof value === "number" ? Array.from({ length: layers }, () => value) : value;
}
