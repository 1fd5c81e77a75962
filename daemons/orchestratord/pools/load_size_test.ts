import assert from "node:assert/strict";
import { A, MIB, model } from "../testing/scheduler.ts";
import { defaultLoadBytes } from "./load_size.ts";

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
