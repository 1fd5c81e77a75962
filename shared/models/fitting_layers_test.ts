import assert from "node:assert/strict";
import fc from "fast-check";
import { estimateHostMemory, estimateMemory, splitMemory } from "./estimate.ts";
import { fittingLayers } from "./fitting_layers.ts";

const MODEL = { weight_bytes: 3_300, kv_bytes_per_token: 10, compute_bytes: 50, block_count: 32 };
const LOAD = { context: 256, slots: 1 };

Deno.test("fittingLayers() counts the context: a longer one leaves fewer layers", () => {
  const whole = estimateMemory(MODEL, LOAD);
  assert.equal(fittingLayers(MODEL, LOAD, whole), undefined);
  const short = fittingLayers(MODEL, LOAD, whole - 1)!;
  assert.equal(short, 32);
  const long = { ...LOAD, slots: 4 };
  assert.ok(fittingLayers(MODEL, long, whole - 1)! < short);
  assert.equal(fittingLayers(MODEL, LOAD, 0), 0);
  assert.equal(fittingLayers({ ...MODEL, block_count: undefined }, LOAD, 0), undefined);
});

Deno.test("fittingLayers() is the most that fits, whatever the device holds", () =>
  fc.assert(fc.property(fc.integer({ min: 0, max: 2_000_000 }), (bytes) => {
    const layers = fittingLayers(MODEL, LOAD, bytes);
    const at = (gpuLayers: number | undefined) => estimateMemory(MODEL, { ...LOAD, gpuLayers });
    if (layers === undefined) return assert.ok(at(undefined) <= bytes);
    assert.ok(layers === 0 || at(layers) <= bytes);
    assert.ok(at(layers + 1) > bytes);
  })));

Deno.test("weights that settings keep on the CPU count for main memory alone", () => {
  const kept = { ...MODEL, cpu_weight_bytes: 3_000 };
  assert.equal(estimateMemory(MODEL, LOAD) - estimateMemory(kept, LOAD), 3_000);
  assert.equal(estimateHostMemory(kept, LOAD), 3_000);
  const half = { ...LOAD, gpuLayers: 11 };
  assert.equal(estimateHostMemory(kept, half), 3_000 + Math.ceil((300 + 2_560) * 2 / 3));
});

Deno.test("splitMemory() is the estimate of one device, in the parts that are divided and are not", () => {
  for (const gpuLayers of [undefined, 11]) {
    const load = { ...LOAD, gpuLayers };
    const { layers, layer_bytes, each_bytes } = splitMemory(MODEL, load)!;
    assert.equal(layers, gpuLayers ?? 33);
    assert.ok(Math.abs(layer_bytes + each_bytes - estimateMemory(MODEL, load)) <= 1);
  }
  assert.equal(splitMemory({ ...MODEL, block_count: undefined }, LOAD), undefined);
});
