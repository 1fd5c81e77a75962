import assert from "node:assert/strict";
import { A, MIB, model } from "../testing/scheduler.ts";
import {
  defaultHostBytes,
  defaultLoadBytes,
  defaultLoadSource,
  defaultSlots,
} from "./load_size.ts";

Deno.test("a model of which some layers are on the GPU takes their share there, and all on the CPU", () => {
  const whole = { ...model(A, 100 * MIB), block_count: 9 };
  const half = { ...whole, gpu_layers: 5 };
  const [all, some] = [defaultLoadBytes(whole), defaultLoadBytes(half)];
  assert.equal(all - some, 50 * MIB);
  assert.equal(defaultLoadBytes(half, "cuda"), some);
  assert.equal(defaultLoadBytes(half, "cpu"), all);
  const measured = { context: 100, slots: 4, memory_bytes: 7 * MIB };
  assert.equal(defaultLoadBytes({ ...half, measured }, "cuda"), 7 * MIB);
  assert.equal(defaultLoadBytes({ ...half, measured }, "cpu"), all, "it was measured on a GPU");
});

Deno.test("a pool's own figures for its loads override our estimate", () => {
  const default_load = {
    context: 8192,
    slots: 2,
    device_bytes: { cpu: 300, cuda: 200 },
    host_bytes: 7,
  };
  const ofPool = { ...model(A), default_load };
  assert.deepEqual([defaultLoadBytes(ofPool, "cpu"), defaultLoadBytes(ofPool, "cuda")], [300, 200]);
  assert.deepEqual([defaultHostBytes(ofPool, "cpu"), defaultHostBytes(ofPool, "cuda")], [0, 7]);
  assert.equal(defaultSlots(ofPool), 2);
  assert.equal(defaultSlots(model(A)), 4, "the default for a pool that does not report it");
});

Deno.test("a pool says whether the engine or a formula made the figure of its default load", () => {
  const load = { context: 128, slots: 2 };
  const default_load = { ...load, device_bytes: {}, host_bytes: 0 };
  const figure = { ...load, gpu_layers: null, device_bytes: 1, host_bytes: 1 };
  const engine_figures = [{ ...figure, device_kind: "cpu" as const }];
  const ofPool = { ...model(A), default_load, engine_figures };
  assert.equal(defaultLoadSource(ofPool, "cpu"), "engine");
  assert.equal(defaultLoadSource(ofPool, "cuda"), "formula");
  assert.equal(defaultLoadSource({ ...ofPool, engine_figures: [] }, "cpu"), "formula");
  const other = [{ ...figure, slots: 4, device_kind: "cpu" as const }];
  assert.equal(defaultLoadSource({ ...ofPool, engine_figures: other }, "cpu"), "formula");
  const split = { mode: "layer", layers: [3, 2] };
  const onTwo = [{ ...figure, split, device_kind: "cuda" as const }];
  assert.equal(defaultLoadSource({ ...ofPool, engine_figures: onTwo }, "cuda"), "formula");
  const measured = { ...load, memory_bytes: 1 };
  assert.equal(defaultLoadSource({ ...model(A), default_load, measured }, "cpu"), undefined);
});
