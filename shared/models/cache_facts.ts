import type { MetadataValue } from "./gguf_header.ts";

/** A model's metadata about the memory of its attention and recurrent layers. */
export interface CacheFacts {
  /** Attention window of windowed layers, in tokens. */
  readonly window?: number;
  /**
   * One layer in this many has no window; or, for each layer, whether it has one (1) or not (0).
   */
  readonly windowPattern?: number | readonly number[];
  /** Values per key and value head of windowed layers, if they differ from the other layers'. */
  readonly windowKeyLength?: number;
  readonly windowValueLength?: number;
  /** Multi-head latent attention: one latent key for all heads, from which the values are made. */
  readonly latent?: boolean;
  /** Number of last layers that use the cache of earlier ones. */
  readonly sharedLayers?: number;
  /** For each layer, whether it is recurrent (1) or has attention (0). */
  readonly recurrentLayers?: readonly number[];
  /** In a hybrid model, one layer in this many has attention. */
  readonly attentionInterval?: number;
  /** State-space layers: convolution kernel, inner size, state size, groups. */
  readonly convKernel?: number;
  readonly innerSize?: number;
  readonly stateSize?: number;
  readonly groupCount?: number;
  /** Cached columns of a short convolution. */
  readonly shortConvolution?: number;
  /** RWKV: size of a head, and number of shifted tokens. */
  readonly wkvHeadSize?: number;
  readonly tokenShift?: number;
}

/** Metadata key of each figure, after the architecture's name. */
const NUMBERS = {
  window: "attention.sliding_window",
  windowKeyLength: "attention.key_length_swa",
  windowValueLength: "attention.value_length_swa",
  sharedLayers: "attention.shared_kv_layers",
  attentionInterval: "full_attention_interval",
  convKernel: "ssm.conv_kernel",
  innerSize: "ssm.inner_size",
  stateSize: "ssm.state_size",
  groupCount: "ssm.group_count",
  shortConvolution: "shortconv.l_cache",
  wkvHeadSize: "wkv.head_size",
  tokenShift: "token_shift_count",
} as const satisfies Partial<Record<keyof CacheFacts, string>>;

/** Larger figures are a sign of a corrupt file and are ignored. */
const MAX_FIGURE = 2 ** 31;

/** Reads the {@linkcode CacheFacts} of a model; absent and invalid figures are left out. */
export function cacheFacts(
  metadata: ReadonlyMap<string, MetadataValue>,
  architecture: string,
): CacheFacts {
  const value = (key: string) => metadata.get(`${architecture}.${key}`);
  const numbers = Object.entries(NUMBERS).flatMap(([name, key]) => {
    const found = value(key);
    return isFigure(found) ? [[name, found] as const] : [];
  });
  const windowPattern = value("attention.sliding_window_pattern");
  const recurrentLayers = value("attention.recurrent_layers");
  // llama.cpp uses the latent form only if the file has both lengths.
  const latent = isFigure(value("attention.key_length_mla")) &&
    isFigure(value("attention.value_length_mla"));
  return {
    ...Object.fromEntries(numbers),
    ...(isFigure(windowPattern) || isFigures(windowPattern) ? { windowPattern } : {}),
    ...(isFigures(recurrentLayers) ? { recurrentLayers } : {}),
    ...(latent ? { latent } : {}),
  };
}

function isFigure(value: MetadataValue | undefined): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= MAX_FIGURE;
}

function isFigures(value: MetadataValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.length > 0;
}
