import assert from "node:assert/strict";
import { backoffMs, spread } from "./backoff.ts";

Deno.test("backoffMs() waits 1, 2, 4, 8, 16 and then 30 seconds", () => {
  const options = { firstMs: 1_000, maxMs: 30_000 };
  const waits = [1, 2, 3, 4, 5, 6, 7, 10_000].map((n) => backoffMs(n, options) / 1000);
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
});

Deno.test("backoffMs() is 0 before the first failure", () => {
  assert.equal(backoffMs(0, { firstMs: 100, maxMs: 1_000 }), 0);
  assert.equal(backoffMs(-1, { firstMs: 100, maxMs: 1_000 }), 0);
});

Deno.test("spread() returns between half of a pause and all of it", () => {
  assert.deepEqual([0, 0.5, 1].map((random) => spread(100, random)), [50, 75, 100]);
});
