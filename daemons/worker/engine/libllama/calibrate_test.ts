import assert from "node:assert/strict";
import { calibrate, threadCandidates } from "./calibrate.ts";

/** A machine on which a step takes `msOf(threads)` ms. */
function machine(msOf: (threads: number) => number) {
  let at = 0;
  const steps: number[] = [];
  return {
    steps,
    run: (candidates: number[], budgetMs = 2000) =>
      calibrate({
        candidates,
        budgetMs,
        now: () => at,
        step(threads) {
          steps.push(threads);
          at += msOf(threads);
          return Promise.resolve();
        },
      }),
    elapsed: () => at,
  };
}

Deno.test("calibrate() chooses the number of threads with the fastest step", async () => {
  assert.equal(await machine((threads) => 100 / threads).run([3, 4, 2]), 4);
  // More than two threads get in each other's way.
  const crowded = machine((threads) => threads > 2 ? 300 : 20 / threads);
  assert.equal(await crowded.run([3, 4, 2]), 2);
});

Deno.test("calibrate() tries a slow number of threads only once, and starts no step after its deadline", async () => {
  const { run, steps } = machine((threads) => threads === 1 ? 5 : 100);
  assert.equal(await run([1, 2]), 1);
  assert.deepEqual(steps, [1, 2, 1, 1, 1]);
  const slow = machine(() => 700);
  assert.equal(await slow.run([3, 4, 2]), 3);
  assert.ok(slow.elapsed() <= 2000 + 700);
});

Deno.test("threadCandidates() starts with the default", () => {
  assert.deepEqual(threadCandidates(1), [1]);
  assert.deepEqual(threadCandidates(2), [1, 2]);
  assert.deepEqual(threadCandidates(16), [15, 16, 8, 12]);
});
