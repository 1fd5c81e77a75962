import assert from "node:assert/strict";
import { request } from "../../testing/generator.ts";
import { isFromShortlist } from "./from_shortlist.ts";
import { samplingPlan } from "./sampling_plan.ts";

const USUAL = { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05 };

function suffices(fields: Record<string, unknown>, held = {}): boolean {
  const asked = request({ ...USUAL, ...fields });
  const plan = samplingPlan(asked, 512);
  return isFromShortlist(plan, { biases: [], isHeld: false, request: asked, ...held });
}

Deno.test("a shortlist suffices for greedy choices, and where top_k comes first and is small enough", () => {
  assert.ok(suffices({ temperature: 0 }));
  assert.ok(suffices({}));
  assert.ok(suffices({ top_k: 64, xtc_probability: 0.5 }));
  assert.ok(!suffices({ top_k: 65 }));
  assert.ok(!suffices({ top_k: 0 }));
  assert.ok(!suffices({ samplers: "tk" }), "the temperature comes first");
});

Deno.test("a shortlist does not suffice where less probable tokens may rise, or are wanted", () => {
  assert.ok(!suffices({}, { biases: [[1, 5]] }));
  assert.ok(!suffices({}, { isHeld: true }));
  assert.ok(!suffices({ repetition_penalty: 1.1 }));
  assert.ok(!suffices({ dry_multiplier: 1, temperature: 0 }));
  assert.ok(!suffices({ mirostat: 2 }));
  assert.ok(!suffices({ logprobs: 0 }));
  assert.ok(!suffices({ temperature: 0, top_k: 0, xtc_probability: 1 }), "XTC removes the best");
});
