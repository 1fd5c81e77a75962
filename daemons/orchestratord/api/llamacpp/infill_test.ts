import assert from "node:assert/strict";
import { infillRequest } from "#shared/contracts/mod.ts";
import { infillTask } from "./infill.ts";

const given = { model: "m", input_prefix: "a", input_suffix: "b" };
const request = (more: Record<string, unknown> = {}) => infillRequest.parse({ ...given, ...more });

Deno.test("infillTask() puts the prompt behind the prefix and names files", () => {
  const task = infillTask(request({
    prompt: "c",
    input_extra: [{ text: "x", time: 1 }, { filename: "f", text: "y" }],
    n_predict: 7,
    top_k: -1,
    repeat_penalty: 1.1,
    seed: -1,
    cache_prompt: true,
  }));
  assert.equal(task.prompt, "ac");
  assert.equal(task.suffix, "b");
  assert.deepEqual(task.context_files, [
    { filename: "tmp", text: "x" },
    { filename: "f", text: "y" },
  ]);
  assert.deepEqual([task.max_tokens, task.top_k, task.repetition_penalty], [7, 0, 1.1]);
  assert.equal(task.seed, undefined);
  assert.equal(task.special, undefined);
});

Deno.test("infillTask() sets no limit for -1, and takes an empty prefix", () => {
  const task = infillTask(request({ input_prefix: "", input_suffix: "" }));
  assert.deepEqual([task.prompt, task.suffix, task.max_tokens], ["", "", undefined]);
  assert.deepEqual(task.context_files, []);
  assert.equal(infillTask(request({ seed: 5 })).seed, 5);
});

Deno.test("infillRequest refuses by name what would change the answer", () => {
  assert.ok(request({ n_probs: 0, logit_bias: [], id_slot: -1, t_max_predict_ms: 9 }));
  for (const extra of [{ n_probs: 1 }, { logit_bias: [[1, -1]] }, { lora: [{ id: 0 }] }]) {
    assert.throws(() => request(extra), /is not supported/);
  }
  assert.throws(() => infillRequest.parse({ model: "m", input_prefix: "a" }), /input_suffix/);
});
