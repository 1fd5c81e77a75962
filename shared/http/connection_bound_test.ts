import assert from "node:assert/strict";
import { ConnectionBound } from "./connection_bound.ts";

/** A system with this many free descriptors before any connection is open. */
function system(descriptors: number) {
  const known: number[] = [];
  let tried = 0;
  const free = (atMost: number) => {
    tried = Math.max(tried, atMost);
    return Math.min(atMost, descriptors);
  };
  return { free, known, tried: () => tried, onKnown: (max: number) => void known.push(max) };
}

Deno.test("a start tests few descriptors, and more are tested once that many connections are open", () => {
  const { free, known, tried, onKnown } = system(100_000);
  const bound = new ConnectionBound(4096, onKnown, free);
  assert.deepEqual([bound.max, tried(), known], [4096, 2 * 256 + 64, []]);
  assert.ok(bound.allows(255));
  assert.equal(tried(), 2 * 256 + 64);
  assert.ok(bound.allows(256));
  assert.equal(tried(), 2 * 512 + 64 - 256);
  assert.ok(bound.allows(4095));
  assert.ok(!bound.allows(4096));
  assert.deepEqual(known, [4096]);
});

Deno.test("a lower limit of the system is known before that many connections are open", () => {
  const few = system(230);
  assert.equal(new ConnectionBound(4096, few.onKnown, few.free).max, 86);
  assert.deepEqual(few.known, [86]);

  const { free, known, onKnown } = system(1000);
  let open = 0;
  const bound = new ConnectionBound(4096, onKnown, (atMost) => Math.min(atMost, free(1e6) - open));
  while (bound.allows(open)) open++;
  assert.deepEqual([open, bound.max, known], [468, 468, [468]]);
});

Deno.test("a small configured limit is known at once", () => {
  const { free, known, onKnown } = system(1000);
  const bound = new ConnectionBound(2, onKnown, free);
  assert.deepEqual([bound.allows(1), bound.allows(2), known], [true, false, [2]]);
});
