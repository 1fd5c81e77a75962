import { type CacheFacts, cacheFacts } from "../cache_facts.ts";
import type { GgufInfo } from "../gguf.ts";

/** The metadata of a model's GGUF file, with the figures of its published config. */
function model(
  architecture: string,
  figures: Partial<GgufInfo> & Pick<GgufInfo, "blockCount" | "embeddingLength">,
  metadata: Readonly<Record<string, number | readonly number[]>> = {},
): GgufInfo {
  const keys = Object.entries(metadata)
    .map(([key, value]) => [`${architecture}.${key}`, value] as const);
  const cache: CacheFacts = cacheFacts(new Map(keys), architecture);
  return {
    tensorCount: 1,
    parameters: 1,
    skills: ["completion"],
    architecture,
    contextLength: 8192,
    headCount: 0,
    headCountKv: 0,
    vocabSize: 32_000,
    chatTemplate: true,
    weightBytes: 1_000_000_000,
    headerBytes: 1,
    sizeBytes: 1_000_000_000,
    fingerprint: "0".repeat(64),
    cache,
    ...figures,
  };
}

/** Meta-Llama-3.1-8B-Instruct, Q4_K_M. */
export const LLAMA_31_8B = model("llama", {
  contextLength: 131_072,
  blockCount: 32,
  embeddingLength: 4096,
  feedForwardLength: 14_336,
  headCount: 32,
  headCountKv: 8,
  vocabSize: 128_256,
  weightBytes: 4_912_898_304,
  sizeBytes: 4_920_739_232,
});

/** Mixtral-8x7B-Instruct-v0.1. */
export const MIXTRAL_8X7B = model("llama", {
  blockCount: 32,
  embeddingLength: 4096,
  headCount: 32,
  headCountKv: 8,
}, { "expert_count": 8, "expert_used_count": 2 });

/** Qwen2.5-7B-Instruct. */
export const QWEN2_7B = model("qwen2", {
  blockCount: 28,
  embeddingLength: 3584,
  headCount: 28,
  headCountKv: 4,
});

/** Qwen3-4B: its heads are wider than embedding length / heads. */
export const QWEN3_4B = model("qwen3", {
  blockCount: 36,
  embeddingLength: 2560,
  headCount: 32,
  headCountKv: 8,
  keyLength: 128,
  valueLength: 128,
});

/** gemma-2-9b-it. */
export const GEMMA2_9B = model("gemma2", {
  blockCount: 42,
  embeddingLength: 3584,
  headCount: 16,
  headCountKv: 8,
  keyLength: 256,
  valueLength: 256,
}, { "attention.sliding_window": 4096 });

/** gemma-3-4b-it. */
export const GEMMA3_4B = model("gemma3", {
  blockCount: 34,
  embeddingLength: 2560,
  headCount: 8,
  headCountKv: 4,
  keyLength: 256,
  valueLength: 256,
}, { "attention.sliding_window": 1024 });

/** gpt-oss-20b. */
export const GPT_OSS_20B = model("gpt-oss", {
  blockCount: 24,
  embeddingLength: 2880,
  headCount: 64,
  headCountKv: 8,
  keyLength: 64,
  valueLength: 64,
}, { "attention.sliding_window": 128 });

/** Phi-3-mini-4k-instruct: it has a window, which llama.cpp ignores. */
export const PHI3_MINI_4K = model("phi3", {
  blockCount: 32,
  embeddingLength: 3072,
  headCount: 32,
  headCountKv: 32,
}, { "attention.sliding_window": 2047 });

/** DeepSeek-V2-Lite, converted since llama.cpp has supported latent attention. */
export const DEEPSEEK_V2_LITE = model("deepseek2", {
  blockCount: 27,
  embeddingLength: 2048,
  headCount: 16,
  headCountKv: 1,
  keyLength: 576,
  valueLength: 512,
}, {
  "attention.kv_lora_rank": 512,
  "attention.key_length_mla": 192,
  "attention.value_length_mla": 128,
});

/** DeepSeek-V2-Lite, converted before that: every head has keys and values. */
export const DEEPSEEK_V2_LITE_OLD = model("deepseek2", {
  blockCount: 27,
  embeddingLength: 2048,
  headCount: 16,
  headCountKv: 16,
  keyLength: 192,
  valueLength: 128,
}, { "attention.kv_lora_rank": 512 });

/** mamba-2.8b: no attention at all. */
export const MAMBA_2_8B = model("mamba", { blockCount: 64, embeddingLength: 2560 }, {
  "ssm.conv_kernel": 4,
  "ssm.inner_size": 5120,
  "ssm.state_size": 16,
  "ssm.time_step_rank": 160,
});

/** Qwen3-Next-80B-A3B: every fourth layer has attention. */
export const QWEN3_NEXT_80B = model("qwen3next", {
  blockCount: 48,
  embeddingLength: 2048,
  headCount: 16,
  headCountKv: 2,
  keyLength: 256,
  valueLength: 256,
}, {
  "ssm.conv_kernel": 4,
  "ssm.inner_size": 4096,
  "ssm.state_size": 128,
  "ssm.group_count": 16,
  "ssm.time_step_rank": 32,
});

/** Jamba's shape: one layer in eight has attention, the others are state-space layers. */
export const JAMBA_MINI = model("jamba", {
  blockCount: 32,
  embeddingLength: 4096,
  headCount: 32,
  headCountKv: Array.from({ length: 32 }, (_, layer) => layer % 8 === 4 ? 8 : 0),
}, { "ssm.conv_kernel": 4, "ssm.inner_size": 8192, "ssm.state_size": 16 });
