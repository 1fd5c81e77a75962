import assert from "node:assert/strict";
import { backoffMs } from "./backoff.ts";

Deno.test("backoffMs() waits 1, 2, 4, 8, 16 and then 30 seconds", () => {
  const options = { firstMs: 1_000, maxMs: 30_000 };
  const waits = [1, 2, 3, 4, 5, 6, 7, 10_000].map((n) => backoffMs(n, options) / 1000);
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
});
