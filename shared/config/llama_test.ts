import assert from "node:assert/strict";
import { z } from "zod";
import { contradictionOf, gpuLayersOf, llamaShape, overridesOf, readRatio } from "./llama.ts";

const shape = z.object(llamaShape);
const takes = (settings: Record<string, unknown>) => shape.safeParse(settings).success;

Deno.test("gpu_layers is a number, as text too, or fit", () => {
  for (const good of [0, 10_000, "0", "33", "fit"]) assert.ok(takes({ gpu_layers: good }));
  for (const bad of [-1, 10_001, "10001", "all", "", 1.5]) assert.ok(!takes({ gpu_layers: bad }));
  assert.deepEqual(["33", 4, "fit", undefined].map(gpuLayersOf), [33, 4, "fit", undefined]);
});

Deno.test("split_ratio has a part above 0 for each of 2 to 16 GPUs", () => {
  assert.deepEqual(readRatio("3,1.5"), [3, 1.5]);
  for (const good of ["3,1", "0.5,0.5", Array(16).fill("1").join()]) {
    assert.ok(takes({ split_ratio: good }), good);
  }
  for (const bad of ["1", "3,0", "3,", "a,b", "-1,2", "1,1e9", Array(17).fill("1").join()]) {
    assert.ok(!takes({ split_ratio: bad }), bad);
  }
});

Deno.test("tensor_overrides name a pattern and the CPU or a GPU; an error quotes the pattern", () => {
  assert.ok(takes({ tensor_overrides: [String.raw`blk\.1\.ffn=cpu`, "output=gpu1"] }));
  for (const bad of ["=cpu", "a", "a=CPU", "a=gpu", "(a+)+=cpu"]) {
    assert.ok(!takes({ tensor_overrides: [bad] }), bad);
  }
  const { error } = shape.safeParse({ tensor_overrides: ["(a+)+=cpu"] });
  assert.match(error?.issues[0]?.message ?? "", /the pattern "\(a\+\)\+" repeats more than one/);
});

Deno.test("overridesOf() puts chosen tensors before experts", () => {
  const experts = String.raw`\.ffn_(up|down|gate|gate_up)_(ch|)exps`;
  assert.deepEqual(overridesOf({}), []);
  assert.deepEqual(overridesOf({ cpu_moe: true, tensor_overrides: ["a=gpu2"] }), [
    { pattern: "a", gpu: 2 },
    { pattern: experts, gpu: undefined },
  ]);
  assert.deepEqual(overridesOf({ cpu_moe_layers: 2 }).map(({ pattern }) => pattern), [
    String.raw`blk\.0` + experts,
    String.raw`blk\.1` + experts,
  ]);
});

Deno.test("contradictionOf() names the setting that another one contradicts", () => {
  assert.equal(contradictionOf({ split: "row", split_ratio: "3,1", cpu_moe: true }), undefined);
  assert.equal(contradictionOf({ cpu_moe: true, cpu_moe_layers: 1 })?.key, "cpu_moe_layers");
  assert.equal(contradictionOf({ split: "none", split_ratio: "1,1" })?.key, "split_ratio");
  assert.equal(
    contradictionOf({ cache_type_v: "q8_0", flash_attention: "off" })?.key,
    "cache_type_v",
  );
  assert.equal(
    contradictionOf({ split: "tensor", flash_attention: "off" })?.key,
    "flash_attention",
  );
  assert.equal(contradictionOf({ split: "tensor", cpu_moe: true })?.key, "split");
});
