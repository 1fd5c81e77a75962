import assert from "node:assert/strict";
import { NO_COUNTS } from "./counts.ts";
import { History } from "./history.ts";

const LEVELS = { queued: 2, capacity: 9, running: 1 };

Deno.test("rates are of the last second, points of ten, and an hour of them is kept", () => {
  let now = 1_000_000;
  const clock = { now: () => now, steady: () => now, after: () => () => {} };
  const history = new History(clock, NO_COUNTS, LEVELS);
  let counts = NO_COUNTS;
  for (let second = 1; second <= 4_000; second++) {
    now += 1_000;
    counts = { ...counts, tokens: counts.tokens + 30 };
    if (second === 4_000) {
      counts = { ...counts, answered: 2, ttftSeconds: 0.5, failovers: 1 };
    }
    history.look(counts, LEVELS);
  }
  assert.equal(history.rates.tokens_per_second, 30);
  assert.equal(history.rates.ttft_ms, 250);
  const { at, tokens_per_second, ttft_ms, queue_depth, failovers } = history.past;
  assert.equal(at.length, 360);
  assert.equal(at.at(-1), now);
  assert.deepEqual([tokens_per_second.at(-1), queue_depth.at(-1)], [30, 2]);
  assert.deepEqual(ttft_ms.slice(-2), [null, 250]);
  assert.deepEqual(failovers.slice(-2), [0, 1]);
});
