import assert from "node:assert/strict";
import { A, B, pool, progress, Run, submit, worker } from "../testing/scheduler.ts";
import { type Asked, leavingTimes, startOf, startsOf } from "./forecast.ts";
import { measureServed } from "./rates.ts";
import { breakerKey } from "./state.ts";

/** A model of 10 ms for each token and 100 ms for the first, whose answers use all of their max_tokens. */
function measured(slots = 2): Run {
  const run = new Run({ queueCapacity: 1000 });
  run.at(0, pool([worker("w1", A, { slots })]));
  const rates = { firstTokenMs: 100, tokensIn: 1, tokensOut: 101, answerTokens: 101 };
  const served = { ...rates, serviceMs: 1100, isCut: true, speaks: true };
  run.at(0, { kind: "history", fingerprint: A, served });
  return run;
}

const asked = (more: Partial<Asked> = {}): Asked => ({
  ...{ fingerprint: A, priority: "interactive", tenant: "", queuedAt: Infinity, tokensIn: 1 },
  ...{ maxTokens: 101, speaks: true, delivered: 0 },
  ...more,
});
const startMs = (run: Run, now: number, more: Partial<Asked> = {}) =>
  Math.round(startOf(run.state, asked(more), now).expected.mean);

Deno.test("a job starts when the running job with the fewest tokens left has ended", () => {
  const run = measured();
  assert.equal(startMs(run, 0), 0, "a slot is free");
  run.at(0, submit("long", 0, { maxTokens: 1001 }), submit("short", 0, { maxTokens: 101 }));
  assert.equal(startMs(run, 0), 1100);
  assert.equal(startMs(run, 50), 1050, "before the first token");
  assert.equal(startMs(run, 2000), 500, "it is late, but not about to end");
  run.at(100, progress("short"), progress("long"));
  run.at(600, progress("short", 51), progress("long", 51));
  assert.equal(startMs(run, 600), 500);
  assert.equal(startMs(run, 700), 400, "tokens come between two reports, too");
});

Deno.test("slots that an orchestrator which led before still uses are taken, for as long as jobs usually take", () => {
  const run = measured(1);
  const report = (active: number) => pool([worker("w", A, { active })]);
  run.at(0, report(1), { kind: "slots_held", slots: new Map([["w", 1]]) });
  assert.equal(startMs(run, 0), 100 + 255 * 10, "an answer without a bound");
  run.at(10, report(0));
  assert.equal(startMs(run, 10), 0);
});

Deno.test("a running job's own rate counts", () => {
  const run = measured(1);
  run.at(0, submit("slow", 0, { maxTokens: 101 }));
  run.at(100, progress("slow"));
  run.at(2100, progress("slow", 51));
  assert.equal(startMs(run, 2100), 50 * 40);
});

Deno.test("every job ahead takes what its own max_tokens allow", () => {
  const run = measured(1);
  run.at(0, submit("runs", 0, { maxTokens: 101 }));
  run.at(0, submit("first", 0, { maxTokens: 101 }), submit("second", 0, { maxTokens: 1001 }));
  assert.equal(startMs(run, 0), 1100 + 1100 + 10_100);
  assert.equal(startOf(run.state, run.state.queued.get("second")!, 0).expected.mean, 2200);
});

Deno.test("jobs of tenants that have cost less start before", () => {
  const run = measured(1);
  run.at(0, submit("runs", 0, { maxTokens: 101, tenant: "flood" }));
  for (let n = 0; n < 5; n++) run.at(0, submit(`f${n}`, 0, { maxTokens: 101, tenant: "flood" }));
  assert.equal(startMs(run, 0, { tenant: "flood" }), 6 * 1100);
  assert.equal(startMs(run, 0, { tenant: "other" }), 1100, "the running job is charged already");
  run.at(100, progress("runs"));
  run.at(1100, progress("runs", 90));
  assert.ok(startMs(run, 1100, { tenant: "other" }) <= 2 * 1100);
});

Deno.test("the rest of a load comes before", () => {
  const run = new Run();
  run.at(0, pool([]));
  assert.equal(startMs(run, 0), 605, "estimated from 100 MiB");
  run.at(100, submit("j1", 100));
  run.state.rates.get(A) ?? measureServed(run.state, A, {
    ...{ serviceMs: 1, firstTokenMs: 1, tokensIn: 1, tokensOut: 1, answerTokens: 1 },
    ...{ isCut: false, speaks: true },
  });
  run.state.rates.get(A)!.loadMs = 900;
  assert.equal(startMs(run, 400), 600);
  assert.equal(startMs(run, 400, { fingerprint: B }), 605);
  assert.equal(startMs(run, 400, { fingerprint: "no model of any pool" }), 0);
});

Deno.test("a queue longer than what is followed one by one goes on at the same rate", () => {
  const run = measured(1);
  run.at(0, submit("runs", 0, { maxTokens: 101 }));
  for (let n = 0; n < 1000; n++) run.at(0, submit(`j${n}`, 0, { maxTokens: 101 }));
  const { ahead, expected } = startOf(run.state, asked(), 0);
  assert.equal(ahead, 1000);
  assert.ok(Math.abs(expected.mean / (1001 * 1100) - 1) < 0.01, String(expected.mean));
});

Deno.test("places in the queue become free as jobs start; what was never measured is not guessed", () => {
  const run = measured(1);
  run.at(0, submit("runs", 0, { maxTokens: 101 }));
  for (let n = 0; n < 3; n++) run.at(0, submit(`j${n}`, 0, { maxTokens: 101 }));
  const { times, gapMs } = leavingTimes(run.state, 0);
  assert.deepEqual(times.map((ms) => Math.floor(ms / 1100)), [1, 2, 3]);
  assert.equal(gapMs, 1100);
  assert.ok(times[0]! > 1100, "later than expected, to be right nine times of ten");
  const other = new Run();
  other.at(0, pool([worker("w", A)]), submit("runs", 0), submit("waits", 0));
  assert.deepEqual(leavingTimes(other.state, 0).times, []);
});

Deno.test("startsOf() predicts for each waiting job what startOf() does", () => {
  const run = measured(2);
  for (let n = 0; n < 40; n++) {
    run.at(0, submit(`j${n}`, n, { maxTokens: 50 + n, tenant: `t${n % 3}` }));
  }
  const starts = startsOf(run.state, A, 100);
  const queued = [...run.state.queued.values()];
  assert.equal(starts.size, queued.length);
  for (const job of queued) {
    assert.deepEqual(starts.get(job)!, { ...startOf(run.state, job, 100), job });
  }
});

Deno.test("a model whose loads have failed starts when it may be loaded again", () => {
  const run = new Run();
  run.at(0, pool([]));
  const before = startMs(run, 0, { fingerprint: B });
  run.state.breakers.set(breakerKey("p1", B), {
    ...{ failures: 3, retryAt: 30_000, lastError: "it crashed", isFinal: false },
  });
  assert.equal(startMs(run, 0, { fingerprint: B }), before + 30_000);
  assert.equal(startMs(run, 10_000, { fingerprint: B }), before + 20_000);
  assert.equal(startMs(run, 40_000, { fingerprint: B }), before);
});
