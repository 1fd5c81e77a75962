import assert from "node:assert/strict";
import { kvCache } from "./kv_cache.ts";
import * as known from "./testdata/architectures.ts";

const none = { window: undefined, perSlot: 0 };

const full = [
  ["Llama 3.1 8B, with grouped-query attention", known.LLAMA_31_8B, 32 * 8 * 256],
  ["Mixtral 8x7B, whose experts keep nothing", known.MIXTRAL_8X7B, 32 * 8 * 256],
  ["Qwen2.5 7B", known.QWEN2_7B, 28 * 4 * 256],
  ["Qwen3 4B, whose heads are wider", known.QWEN3_4B, 36 * 8 * 256],
  ["Phi-3 mini, whose window llama.cpp ignores", known.PHI3_MINI_4K, 32 * 32 * 192],
  ["DeepSeek V2 Lite, with latent attention", known.DEEPSEEK_V2_LITE, 27 * 576],
  ["DeepSeek V2 Lite of old, without it", known.DEEPSEEK_V2_LITE_OLD, 27 * 16 * 320],
] as const;

for (const [name, info, perToken] of full) {
  Deno.test(`kvCache() counts every token of every layer: ${name}`, () => {
    assert.deepEqual(kvCache(info), { perToken, ...none });
  });
}

const windowed = [
  ["Gemma 2 9B, every second layer", known.GEMMA2_9B, 8 * 512, 21, 21, 4096],
  ["Gemma 3 4B, five of six layers", known.GEMMA3_4B, 4 * 512, 5, 29, 1024],
  ["gpt-oss 20B, every second layer", known.GPT_OSS_20B, 8 * 128, 12, 12, 128],
] as const;

for (const [name, info, perLayer, fullLayers, windowLayers, tokens] of windowed) {
  Deno.test(`kvCache() distinguishes layers with a sliding window: ${name}`, () => {
    assert.deepEqual(kvCache(info), {
      perToken: fullLayers * perLayer,
      window: { tokens, perToken: windowLayers * perLayer },
      perSlot: 0,
    });
  });
}

Deno.test("kvCache() uses each layer's own heads and lengths", () => {
  const info = { ...known.LLAMA_31_8B, blockCount: 2, headCount: 4, headCountKv: [2, 0] };
  const { perToken } = kvCache({ ...info, keyLength: 10, valueLength: 6 });
  assert.equal(perToken, 2 * (10 + 6));
});

Deno.test("kvCache() uses a file's own pattern of windows, and its lengths for windowed layers", () => {
  const info = { ...known.GEMMA3_4B, architecture: "gemma4", blockCount: 4 };
  const cache = {
    window: 512,
    windowPattern: [1, 0, 1, 0],
    windowKeyLength: 8,
    windowValueLength: 4,
    sharedLayers: 1,
  };
  assert.deepEqual(kvCache({ ...info, cache }), {
    perToken: 4 * 512,
    window: { tokens: 512, perToken: 2 * 4 * 12 },
    perSlot: 0,
  });
});

Deno.test("kvCache() counts a state for each slot of a model without attention: Mamba 2.8B", () => {
  const perSlot = 64 * (3 * 5120 + 16 * 5120);
  assert.deepEqual(kvCache(known.MAMBA_2_8B), { perToken: 0, window: undefined, perSlot });
});

Deno.test("kvCache() counts tokens and state in a hybrid: Qwen3-Next and Jamba", () => {
  assert.deepEqual(kvCache(known.QWEN3_NEXT_80B), {
    perToken: 12 * 2 * 512,
    window: undefined,
    perSlot: 36 * (3 * (4096 + 2 * 16 * 128) + 128 * 4096),
  });
  assert.deepEqual(kvCache(known.JAMBA_MINI), {
    perToken: 4 * 8 * 256,
    window: undefined,
    perSlot: 28 * (3 * 8192 + 16 * 8192),
  });
});
