import assert from "node:assert/strict";
import { A, MIB, model } from "../testing/scheduler.ts";
import { defaultHostBytes, defaultLoadBytes, defaultSlots } from "./load_size.ts";

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

Deno.test("what a pool says of its own loads goes before any estimate of ours", () => {
  const default_load = {
    context: 8192,
    slots: 2,
    device_bytes: { cpu: 300, cuda: 200 },
    host_bytes: 7,
  };
  const told = { ...model(A), default_load };
  assert.deepEqual([defaultLoadBytes(told, "cpu"), defaultLoadBytes(told, "cuda")], [300, 200]);
  assert.deepEqual([defaultHostBytes(told, "cpu"), defaultHostBytes(told, "cuda")], [0, 7]);
  assert.equal(defaultSlots(told), 2);
  assert.equal(defaultSlots(model(A)), 4, "of a pool that does not say");
});
