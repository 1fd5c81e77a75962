import type { MetadataValue } from "./gguf_header.ts";

/** What a model's metadata says of the memory that its attention and its recurrent layers keep. */
export interface CacheFacts {
  /** Tokens that a windowed layer looks back. */
  readonly window?: number;
  /** Every so many layers one sees everything; or for each layer whether it is windowed (1) or not (0). */
  readonly windowPattern?: number | readonly number[];
  /** Values per key and value head of windowed layers, where they differ from the others'. */
  readonly windowKeyLength?: number;
  readonly windowValueLength?: number;
  /** Multi-head latent attention: one latent key for all heads, and values made from it. */
  readonly latent?: boolean;
  /** Layers at the end that use the cache of earlier ones. */
  readonly sharedLayers?: number;
  /** For each layer whether it is recurrent (1) or attends (0). */
  readonly recurrentLayers?: readonly number[];
  /** Every so many layers of a hybrid one attends. */
  readonly attentionInterval?: number;
  /** State-space layers: kernel of the convolution, inner size, state size, groups. */
  readonly convKernel?: number;
  readonly innerSize?: number;
  readonly stateSize?: number;
  readonly groupCount?: number;
  /** Cached columns of a short convolution. */
  readonly shortConvolution?: number;
  /** RWKV: size of a head, and how many tokens are shifted. */
  readonly wkvHeadSize?: number;
  readonly tokenShift?: number;
}

/** Where each figure stands in the metadata, after the architecture's name. */
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

/** Larger figures are a sign of a corrupt file, and are left out like those that are no numbers. */
const MAX_FIGURE = 2 ** 31;

/** Reads the {@linkcode CacheFacts} of an architecture; what is absent or unusable is left out. */
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
  // llama.cpp keeps the latent form only where the file brings both lengths.
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
