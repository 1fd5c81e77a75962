import assert from "node:assert/strict";
import { request } from "../../testing/generator.ts";
import { areEnough, rankingOf } from "./ranking.ts";
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

Deno.test("candidates are enough if the rest is cut off, or has next to no probability", () => {
  const needed = { weighs: 0, most: 40, heat: 1 };
  assert.ok(areEnough(needed, { allowed: 40, left: 1000, gap: 0 }));
  assert.ok(!areEnough(needed, { allowed: 39, left: 1000, gap: 13 }));
  assert.ok(areEnough(needed, { allowed: 39, left: 1000, gap: 14 }));
  assert.ok(!areEnough(needed, { allowed: 1, left: 1000, gap: 14 }), "39 of them may come");
  assert.ok(areEnough(needed, { allowed: 1, left: 1000, gap: 18 }));
  assert.ok(!areEnough({ ...needed, heat: 2 }, { allowed: 1, left: 1000, gap: 18 }));
  assert.ok(!areEnough({ ...needed, most: Infinity }, { allowed: 40, left: 1e6, gap: 18 }));
  assert.ok(areEnough({ ...needed, most: Infinity }, { allowed: 40, left: 1e6, gap: 28 }));
  assert.ok(!areEnough({ ...needed, heat: Infinity }, { allowed: 39, left: 1000, gap: 1e9 }));
  assert.ok(!areEnough({ ...needed, most: 1 }, { allowed: 0, left: 1000, gap: NaN }));
  assert.ok(areEnough(needed, { allowed: 3, left: 0, gap: NaN }), "there are no others");
});
