import assert from "node:assert/strict";
import { askedMs, waitMs } from "./web/reconnect.ts";

Deno.test("waits grow, have jitter, and have an upper bound", () => {
  assert.deepEqual([0, 1, 2, 5, 50].map((failures) => waitMs(failures, undefined, 1)), [
    500,
    1_000,
    2_000,
    10_000,
    10_000,
  ]);
  assert.equal(waitMs(0, undefined, 0), 250);
});

Deno.test("a reply may ask for a longer wait, within a bound", () => {
  assert.equal(waitMs(0, 3_000, 1), 3_000);
  assert.equal(waitMs(3, 1_000, 1), 4_000);
  assert.equal(waitMs(0, 3_600_000, 1), 60_000);
});

Deno.test("a reply sets the wait by its own field, or by Retry-After in seconds", () => {
  assert.equal(askedMs("2", 1_500), 1_500);
  assert.equal(askedMs("2", undefined), 2_000);
  assert.equal(askedMs(null, undefined), undefined);
  assert.equal(askedMs("Wed, 21 Oct 2026 07:28:00 GMT", undefined), undefined);
});
