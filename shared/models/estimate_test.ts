import assert from "node:assert/strict";
import { estimateMemory, modelMemory } from "./estimate.ts";
import type { GgufInfo } from "./gguf.ts";

/** The shape of Llama 3.1 8B, Q4_K_M. */
const LLAMA_8B: GgufInfo = {
  architecture: "llama",
  contextLength: 131_072,
  blockCount: 32,
  embeddingLength: 4096,
  feedForwardLength: 14_336,
  headCount: 32,
  headCountKv: 8,
  vocabSize: 128_256,
  chatTemplate: true,
  weightBytes: 4_912_898_304,
  headerBytes: 1,
  sizeBytes: 4_920_739_232,
  fingerprint: "0".repeat(64),
};

Deno.test("modelMemory() counts the KV cache of grouped-query attention", () => {
  // 32 layers × 8 heads × (128 + 128) values × 2 bytes = 128 KiB per token.
  assert.equal(modelMemory(LLAMA_8B).kv_bytes_per_token, 131_072);
});

Deno.test("modelMemory() takes each layer's own heads and lengths", () => {
  const info = { ...LLAMA_8B, blockCount: 2, headCount: 4, headCountKv: [2, 0], keyLength: 10 };
  const { kv_bytes_per_token } = modelMemory({ ...info, valueLength: 6 });
  assert.equal(kv_bytes_per_token, 2 * (10 + 6) * 2);
});

Deno.test("estimateMemory() adds weights, KV of all slots, and compute", () => {
  const memory = { weight_bytes: 1000, kv_bytes_per_token: 10, compute_bytes: 50 };
  assert.equal(estimateMemory(memory, { context: 8, slots: 2 }), 1000 + 160 + 50);
});

Deno.test("estimateMemory() starts from what a load really took", () => {
  const memory = {
    weight_bytes: 1000,
    kv_bytes_per_token: 10,
    compute_bytes: 50,
    measured: { context: 8, slots: 2, memory_bytes: 1500 },
  };
  assert.equal(estimateMemory(memory, { context: 8, slots: 2 }), 1500);
  assert.equal(estimateMemory(memory, { context: 16, slots: 2 }), 1660);
});

Deno.test("a Llama 3.1 8B with one slot of 8192 tokens needs about 6.4 GB", () => {
  const total = estimateMemory(modelMemory(LLAMA_8B), { context: 8192, slots: 1 });
  assert.ok(total > 6.2e9 && total < 6.6e9, `${total}`);
});
