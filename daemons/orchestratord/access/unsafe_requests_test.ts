import assert from "node:assert/strict";
import { UnsafeRequests } from "./unsafe_requests.ts";

const HOUR = 3_600_000;

Deno.test("UnsafeRequests allows a key up to its limit, and again when the first request is an hour old", () => {
  const unsafe = new UnsafeRequests();
  for (const at of [0, 1_000]) {
    assert.equal(unsafe.waitMs("key", 2, at), 0);
    unsafe.note("key", at);
  }
  assert.equal(unsafe.waitMs("key", 2, 2_000), HOUR - 2_000);
  assert.equal(unsafe.waitMs("other", 2, 2_000), 0, "another key is not affected");
  assert.equal(unsafe.waitMs("key", 2, HOUR), 0);
  unsafe.note("key", HOUR);
  assert.equal(unsafe.waitMs("key", 2, HOUR + 1), 999, "the second of the first two still counts");
});
