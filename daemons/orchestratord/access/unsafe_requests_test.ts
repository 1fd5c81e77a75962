import assert from "node:assert/strict";
import { UnsafeRequests } from "./unsafe_requests.ts";

const HOUR = 3_600_000;

Deno.test("UnsafeRequests lets a key go on until its bound, and again when the first is an hour ago", () => {
  const unsafe = new UnsafeRequests();
  for (const at of [0, 1_000]) {
    assert.equal(unsafe.waitMs("key", 2, at), 0);
    unsafe.note("key", at);
  }
  assert.equal(unsafe.waitMs("key", 2, 2_000), HOUR - 2_000);
  assert.equal(unsafe.waitMs("other", 2, 2_000), 0, "another key is not bound by it");
  assert.equal(unsafe.waitMs("key", 2, HOUR), 0);
  unsafe.note("key", HOUR);
  assert.equal(unsafe.waitMs("key", 2, HOUR + 1), 999, "the second of the first two still counts");
});
