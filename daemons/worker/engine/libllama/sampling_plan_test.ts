import assert from "node:assert/strict";
import { request } from "../../testing/generator.ts";
import { samplingPlan } from "./sampling_plan.ts";

const USUAL = { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05 };
const planOf = (fields: Record<string, unknown>) =>
  samplingPlan(request({ ...USUAL, ...fields }), 512);
const kinds = (fields: Record<string, unknown>) => {
  const { before, xtc, after } = planOf(fields);
  return [
    ...before.map(({ kind }) => kind),
    ...xtc ? ["xtc"] : [],
    ...after.map((each) => each.kind),
  ]
    .join(" ");
};

const ALL = {
  ...{ repetition_penalty: 1.1, dry_multiplier: 1, top_n_sigma: 1, typical_p: 0.9 },
  xtc_probability: 0.5,
};

Deno.test("samplers come in llama-server's order, and those that change nothing are left out", () => {
  assert.equal(kinds({}), "top_k top_p min_p temperature");
  assert.equal(
    kinds(ALL),
    "penalties dry top_n_sigma top_k min_p typ_p top_p min_p xtc temperature",
  );
  assert.equal(
    kinds({ ...ALL, top_k: 0, top_p: 1, min_p: 0, temperature: 1 }),
    "penalties dry " +
      "top_n_sigma min_p typ_p xtc",
  );
  assert.equal(
    kinds({ ...ALL, repeat_last_n: 0, dry_penalty_last_n: 0, xtc_threshold: 0.6 }),
    "top_n_sigma top_k min_p typ_p top_p min_p temperature",
  );
});

Deno.test("samplers come in the order that a request gives, and others do not apply", () => {
  assert.equal(kinds({ ...ALL, samplers: "txek" }), "temperature xtc penalties top_k");
  assert.equal(
    kinds({ ...ALL, samplers: ["min-p", "TopK", "typical"] }),
    "min_p top_k min_p typ_p",
  );
  assert.equal(kinds({ ...ALL, samplers: [] }), "");
});

Deno.test("where nothing is drawn, only what may remove the best candidate remains", () => {
  const cold = { temperature: 0 };
  assert.deepEqual([kinds(cold), planOf(cold).draws], ["", false]);
  assert.equal(kinds({ ...cold, repetition_penalty: 2, dry_multiplier: 1 }), "penalties dry");
  assert.equal(kinds({ ...cold, xtc_probability: 1 }), "top_k top_p min_p xtc");
  assert.equal(kinds({ ...cold, typical_p: 0.5, top_p: 1 }), "top_k min_p typ_p min_p");
  // What comes after the temperature sees one candidate.
  assert.equal(kinds({ ...cold, xtc_probability: 1, samplers: "ktx" }), "");
  for (const drawn of [{ dynatemp_range: 1 }, { samplers: "k" }]) {
    assert.equal(planOf({ ...cold, ...drawn }).draws, true);
  }
});

Deno.test("with mirostat, only the temperature applies beside it, and none without one", () => {
  assert.equal(kinds({ ...ALL, mirostat: 2 }), "temperature");
  assert.equal(kinds({ ...ALL, mirostat: 1, dynatemp_range: 1 }), "temperature min_p");
  const { mirostat, window, dry } = planOf({ ...ALL, mirostat: 2, mirostat_tau: 3 });
  assert.deepEqual([mirostat, window, dry], [{ version: 2, tau: 3, eta: 0.1 }, 0, undefined]);
  assert.deepEqual(planOf({ mirostat: 2, temperature: 0 }), planOf({ temperature: 0 }));
});

Deno.test("samplers remember as many tokens as their windows have, at most the context", () => {
  assert.equal(planOf({}).window, 0);
  assert.equal(planOf({ repetition_penalty: 1.1 }).window, 64);
  assert.equal(planOf({ repetition_penalty: 1.1, repeat_last_n: -1 }).window, 512);
  assert.equal(planOf({ dry_multiplier: 1, dry_penalty_last_n: 10_000 }).window, 512);
  const both = { presence_penalty: 1, repeat_last_n: 5, dry_multiplier: 1, dry_penalty_last_n: 9 };
  assert.equal(planOf(both).window, 9);
  assert.equal(planOf({ ...both, samplers: ["top_k"] }).window, 0);
});
