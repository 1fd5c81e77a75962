import assert from "node:assert/strict";
import { A, pool, Run, submit, worker } from "../testing/scheduler.ts";
import type { Asked } from "./forecast.ts";
import { RecentForecasts } from "./recent_forecasts.ts";

const asked: Asked = {
  ...{ fingerprint: A, priority: "interactive", tenant: "", queuedAt: Infinity, tokensIn: 1 },
  ...{ maxTokens: 101, speaks: true, delivered: 0 },
};

/** A worker with one slot, and a second for each of some waiting jobs. */
function waiting(count: number): Run {
  const run = new Run({ queueCapacity: 1000 });
  run.at(0, pool([worker("w1", A, { slots: 1 })]));
  const served = {
    serviceMs: 1000,
    firstTokenMs: 0,
    tokensIn: 1,
    tokensOut: 101,
    answerTokens: 101,
  };
  run.at(0, { kind: "history", fingerprint: A, served: { ...served, isCut: true, speaks: true } });
  for (let n = 0; n <= count; n++) run.at(0, submit(`j${n}`, 0, { maxTokens: 101 }));
  return run;
}

Deno.test("in a long line the next job starts one job later, without following all of them again", () => {
  const run = waiting(300);
  const forecasts = new RecentForecasts();
  const first = forecasts.startOf(run.state, asked, 0);
  assert.equal(first.ahead, 300);
  run.at(0, submit("more", 0, { maxTokens: 101 }));
  const second = forecasts.startOf(run.state, asked, 50);
  assert.equal(second.ahead, 301);
  const later = second.expected.mean - first.expected.mean;
  assert.ok(Math.abs(later - (1000 - 50)) < 20, `${later} ms later, of which 50 have passed`);
  // Not for ever: what really happened counts.
  run.state.lines.get(A)!.interactive.get("")!.clear();
  assert.equal(forecasts.startOf(run.state, asked, 50).ahead, 0);
  run.at(0, ...Array.from({ length: 200 }, (_, n) => submit(`k${n}`, 0, { maxTokens: 101 })));
  assert.equal(forecasts.startOf(run.state, asked, 200).ahead, 200);
});

Deno.test("a short line is followed job by job each time", () => {
  const run = waiting(3);
  const forecasts = new RecentForecasts();
  assert.equal(forecasts.startOf(run.state, asked, 0).expected.mean, 4000);
  run.at(0, submit("long", 0, { maxTokens: 1001 }));
  const { ahead, expected } = forecasts.startOf(run.state, asked, 0);
  assert.equal(ahead, 4);
  assert.ok(expected.mean > 13_000, String(expected.mean));
});

Deno.test("when jobs leave is reckoned again as soon as one has come or gone", () => {
  const run = waiting(3);
  const forecasts = new RecentForecasts();
  const leaving = forecasts.leaving(run.state, 0);
  assert.equal(leaving.times.length, 3);
  assert.equal(forecasts.leaving(run.state, 49), leaving);
  assert.notEqual(forecasts.leaving(run.state, 50), leaving);
  run.at(50, submit("more", 50));
  assert.equal(forecasts.leaving(run.state, 50).times.length, 4);
});
