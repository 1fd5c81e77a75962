import assert from "node:assert/strict";
import { estimateHostMemory, estimateMemory, modelMemory } from "./estimate.ts";
import { LLAMA_31_8B } from "./testdata/architectures.ts";

const MASK = 512 * 6 * 256;

Deno.test("estimateMemory() adds weights, KV of all slots, mask and compute", () => {
  const memory = { weight_bytes: 1000, kv_bytes_per_token: 10, compute_bytes: 50 };
  assert.equal(estimateMemory(memory, { context: 256, slots: 2 }), 1000 + 5120 + 50 + MASK);
});

Deno.test("estimateMemory() rounds a slot's context up as llama.cpp does", () => {
  const memory = { weight_bytes: 0, kv_bytes_per_token: 10, compute_bytes: 0 };
  const of = (context: number) => estimateMemory(memory, { context, slots: 1 });
  assert.equal(of(8), of(256));
  assert.equal(of(257), of(512));
});

Deno.test("estimateMemory() starts from a measured load", () => {
  const memory = {
    weight_bytes: 1000,
    kv_bytes_per_token: 10,
    compute_bytes: 50,
    measured: { context: 256, slots: 2, memory_bytes: 2_000_000 },
  };
  assert.equal(estimateMemory(memory, { context: 256, slots: 2 }), 2_000_000);
  assert.equal(estimateMemory(memory, { context: 256, slots: 3 }), 2_002_560);
  assert.equal(estimateMemory(memory, { context: 512, slots: 2 }), 2_000_000 + 5120 + MASK);
});

Deno.test("estimateMemory() counts the KV cache in its configured type", () => {
  const memory = { weight_bytes: 0, kv_bytes_per_token: 64, compute_bytes: 0 };
  const of = (cacheType: "f32" | "f16" | "q8_0" | "q4_0") =>
    estimateMemory(memory, { context: 256, slots: 1, cacheType }) - MASK;
  assert.deepEqual(
    [of("f32"), of("f16"), of("q8_0"), of("q4_0")],
    [32_768, 16_384, 8_704, 4_608],
  );
});

Deno.test("a sliding window and a recurrent state do not grow with the context", () => {
  const memory = {
    weight_bytes: 0,
    kv_bytes_per_token: 0,
    compute_bytes: 0,
    window_tokens: 1024,
    window_bytes_per_token: 2,
    state_bytes_per_slot: 7,
  };
  const slots = (context: number) =>
    estimateMemory(memory, { context, slots: 3 }) - MASK * Math.ceil(context / 256);
  // 1024 + 512 + 1 tokens, rounded up to cells of 256.
  assert.equal(slots(65_536), 3 * (1792 * 2 + 7));
  assert.equal(slots(131_072), slots(65_536));
  assert.equal(slots(512), 3 * (512 * 2 + 7));
});

Deno.test("with some layers on the device, their share counts there, and the rest in the machine's memory", () => {
  const memory = {
    weight_bytes: 1000,
    kv_bytes_per_token: 10,
    compute_bytes: 50,
    block_count: 9,
  };
  const load = { context: 256, slots: 1, gpuLayers: 4 };
  assert.equal(estimateMemory(memory, load), 400 + 1024 + 50 + MASK);
  assert.equal(estimateHostMemory(memory, load), 600 + 1536);
  assert.equal(estimateHostMemory(memory, { ...load, gpuLayers: 99 }), 0);
  assert.equal(estimateHostMemory(memory, { context: 256, slots: 1 }), 0);
});

Deno.test("a Llama 3.1 8B with one slot of 8192 tokens needs about 6.4 GB", () => {
  const total = estimateMemory(modelMemory(LLAMA_31_8B), { context: 8192, slots: 1 });
  assert.ok(total > 6.2e9 && total < 6.6e9, `${total}`);
});
