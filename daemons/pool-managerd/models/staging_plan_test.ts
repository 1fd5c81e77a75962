import assert from "node:assert/strict";
import { type StagedCopy, toFree, toReplace } from "./staging_plan.ts";

const copy = (fingerprint: string, bytes: number, usedAt: number, inUse = false): StagedCopy => ({
  fingerprint,
  bytes,
  usedAt,
  inUse,
});

const COPIES = [copy("new", 10, 3), copy("old", 10, 1), copy("held", 10, 0, true)];

Deno.test("toFree() chooses the least recently used first, and none that a worker was started from", () => {
  assert.deepEqual(toFree(COPIES, 0), []);
  assert.deepEqual(toFree(COPIES, 5), ["old"]);
  assert.deepEqual(toFree(COPIES, 11), ["old", "new"]);
  assert.equal(toFree(COPIES, 21), undefined);
});

Deno.test("toReplace() keeps the total size of all copies below the limit", () => {
  const plan = (bytes: number, room = 100) => toReplace(COPIES, { bytes, maxBytes: 35, room });
  assert.deepEqual(plan(5), []);
  assert.deepEqual(plan(6), ["old"]);
  assert.deepEqual(plan(25), ["old", "new"]);
  assert.equal(plan(26), undefined);
  assert.equal(plan(36), undefined);
});

Deno.test("toReplace() makes no copy that does not fit into the machine's memory", () => {
  assert.equal(toReplace([], { bytes: 10, maxBytes: 100, room: 9 }), undefined);
  assert.deepEqual(toReplace([copy("a", 10, 1)], { bytes: 10, maxBytes: 10, room: 0 }), ["a"]);
});
