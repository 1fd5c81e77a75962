import assert from "node:assert/strict";
import { request } from "../../testing/generator.ts";
import { rankingOf } from "./needed_candidates.ts";
import { samplingPlan } from "./sampling_plan.ts";

const USUAL = { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05 };

function ranking(fields: Record<string, unknown>, biases = false) {
  return rankingOf(samplingPlan(request({ ...USUAL, ...fields }), 512), biases);
}

Deno.test("a plan needs the best candidates that top_k leaves, or the best one", () => {
  assert.deepEqual(ranking({}), { weighs: 0, most: 40, heat: 1 });
  assert.deepEqual(ranking({ temperature: 1.5 }), { weighs: 0, most: 40, heat: 1.5 });
  assert.deepEqual(ranking({ temperature: 0 }), { weighs: 0, most: 1, heat: 1 });
  const penalized = { repetition_penalty: 1.1, dry_multiplier: 0.8 };
  assert.deepEqual(ranking(penalized, true), { weighs: 3, most: 40, heat: 1 });
  assert.deepEqual(ranking({ typical_p: 0.5 }), { weighs: 0, most: 40, heat: Infinity });
});

Deno.test("without top_k, a plan needs candidates until the others are improbable", () => {
  assert.deepEqual(ranking({ top_k: 0 }), { weighs: 0, most: Infinity, heat: 1 });
  assert.deepEqual(ranking({ samplers: "tk" }), { weighs: 0, most: Infinity, heat: 1 });
});

Deno.test("a plan needs all candidates where less probable ones decide with", () => {
  assert.equal(ranking({ top_k: 0, typical_p: 0.5 }), undefined);
  assert.equal(ranking({ samplers: "skt", top_n_sigma: 1 }), undefined);
  assert.equal(ranking({ top_k: 0, dynatemp_range: 0.5 }), undefined);
  assert.equal(ranking({ xtc_probability: 0.5, xtc_threshold: 0.1 }), undefined);
  assert.equal(ranking({ mirostat: 2 }), undefined);
});
