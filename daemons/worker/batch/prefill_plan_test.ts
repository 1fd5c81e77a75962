import assert from "node:assert/strict";
import fc from "fast-check";
import { planPrefill } from "./prefill_plan.ts";

const plan = (remaining: number[], generating: number) =>
  planPrefill({ remaining, generating, chunk: 96, batchSize: 512 });

Deno.test("planPrefill() fills the batch while no sequence generates", () => {
  assert.deepEqual(plan([2000], 0), [512]);
  assert.deepEqual(plan([60, 2000], 0), [60, 452]);
});

Deno.test("planPrefill() leaves the last token of a prompt for the next step if many tokens are computed together", () => {
  assert.deepEqual(plan([63], 0), [63]);
  assert.deepEqual(plan([64], 0), [63]);
  assert.deepEqual(plan([512, 1], 0), [256, 1]);
  assert.deepEqual(plan([1], 0), [1]);
});

Deno.test("planPrefill() keeps to the chunk while others generate", () => {
  assert.deepEqual(plan([2000], 3), [96]);
  assert.deepEqual(plan([2000, 10, 2000], 1), [32, 10, 54]);
});

Deno.test("planPrefill() lets every sequence advance, and never plans more than it needs or fits", () => {
  const remaining = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 16 });
  fc.assert(fc.property(remaining, fc.nat(16), (needs, generating) => {
    const amounts = plan(needs, generating);
    amounts.forEach((amount, index) => assert.ok(amount >= 1 && amount <= needs[index]!));
    const total = amounts.reduce((sum, amount) => sum + amount, 0);
    assert.ok(total <= (generating > 0 ? 96 : 512));
  }));
});
