import assert from "node:assert/strict";
import { LivedTime, SLEPT_MS } from "./clock.ts";

/** A monotonic clock that a test moves. */
function lived(): { time: LivedTime; go: (ms: number) => number; slept: number[] } {
  let now = 1_000;
  const slept: number[] = [];
  const time = new LivedTime(() => now, (ms) => slept.push(ms));
  return {
    time,
    slept,
    go(ms) {
      now += ms;
      return time.read();
    },
  };
}

Deno.test("LivedTime counts all the time in which the process runs", () => {
  const { go, slept } = lived();
  for (let n = 1; n <= 100; n++) assert.equal(go(SLEPT_MS), 1_000 + n * SLEPT_MS);
  assert.deepEqual(slept, []);
});

Deno.test("LivedTime leaves out the time in which the process did not run, and tells of it", () => {
  const { go, slept } = lived();
  assert.equal(go(500), 1_500);
  assert.equal(go(45_000), 1_500, "the process did not run in this time");
  assert.equal(go(500), 2_000, "and then it continues");
  assert.equal(go(86_400_000), 2_000);
  assert.deepEqual(slept, [45_000, 86_400_000]);
});
