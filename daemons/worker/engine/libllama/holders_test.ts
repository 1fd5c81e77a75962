import assert from "node:assert/strict";
import { estimateMemory } from "#shared/models/estimate.ts";
import { type HolderFacts, holdersOf } from "./holders.ts";
import type { DeviceFacts } from "./thread/messages.ts";

const MEMORY = {
  weight_bytes: 330e6,
  kv_bytes_per_token: 100,
  compute_bytes: 1e6,
  block_count: 32,
};
const LOAD = { context: 256, slots: 1 };
const gpu = (number: number, freeBytes: number): DeviceFacts => ({
  ...{ name: `CUDA${number}`, description: "", isGpu: true, backend: "CUDA", freeBytes },
});
const holders = (facts: Partial<HolderFacts>) =>
  holdersOf({
    ...{ gpus: [], gpuLayers: undefined, settings: {}, memory: MEMORY, load: LOAD },
    ...facts,
  });

Deno.test("holdersOf() divides a model among several GPUs alone, as settings say", () => {
  const settings = { split: "row", split_ratio: "3,1" } as const;
  assert.deepEqual(holders({ gpus: [gpu(0, 1), gpu(1, 1)], settings }), {
    ...{ devices: ["CUDA0", "CUDA1"], gpuLayers: undefined, split: "row", ratio: [3, 1] },
    overrides: [],
  });
  const { split, ratio } = holders({ gpus: [gpu(0, 1)], settings });
  assert.deepEqual([split, ratio], ["layer", []]);
  assert.deepEqual(holders({ settings }).devices, []);
});

Deno.test("gpu_layers = fit puts as many layers on a GPU as its free memory holds", () => {
  const whole = estimateMemory(MEMORY, LOAD);
  const layers = (freeBytes: number) =>
    holders({ gpus: [gpu(0, freeBytes)], gpuLayers: "fit" }).gpuLayers;
  assert.equal(layers(2 * whole), undefined, "all of them");
  const some = layers(whole / 2)!;
  assert.ok(some > 10 && some < 16, String(some));
  assert.equal(layers(0), 0);
  assert.equal(holders({ gpuLayers: "fit" }).gpuLayers, undefined, "the CPU holds all");
});

Deno.test("gpu_layers = fit divides the layers among several GPUs by their free memory", () => {
  const whole = estimateMemory(MEMORY, LOAD);
  const { gpuLayers, ratio } = holders({
    ...{ gpus: [gpu(0, whole / 2), gpu(1, whole / 4)], gpuLayers: "fit" },
  });
  assert.equal(ratio.reduce((sum, layers) => sum + layers, 0), gpuLayers);
  assert.ok(gpuLayers! > 18 && gpuLayers! < 25, String(gpuLayers));
  assert.ok(ratio[0]! > ratio[1]!);
});
