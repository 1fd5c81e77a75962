import assert from "node:assert/strict";
import { countAhead } from "./queue.ts";
import { A, B, done, pool, Run, submit, worker } from "../testing/scheduler.ts";
import type { Ahead } from "./state.ts";
import { measure, predictStart, retryAfter } from "./rates.ts";

/** This many jobs ahead, without known tokens. */
const jobs = (jobs: number): Ahead => ({ jobs, tokens: 0 });

Deno.test("predictStart() counts the slots that become free before a job's turn", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A, { slots: 2 })]));
  measure(run.state, A, "serviceMs", 1000);
  assert.equal(predictStart(run.state, A, jobs(0), 0), 0, "a slot is free");
  run.at(0, submit("j1", 0), submit("j2", 0));
  assert.equal(predictStart(run.state, A, jobs(0), 0), 500);
  assert.equal(predictStart(run.state, A, jobs(3), 0), 2000);
});

Deno.test("predictStart() counts the rest of a load", () => {
  const run = new Run();
  run.at(0, pool([]));
  assert.equal(predictStart(run.state, A, jobs(0), 0), 605, "estimated from 100 MiB");
  measure(run.state, A, "loadMs", 900);
  assert.equal(predictStart(run.state, A, jobs(0), 0), 900);
  run.at(100, submit("j1", 100));
  assert.equal(predictStart(run.state, A, jobs(0), 400), 600);
  assert.equal(predictStart(run.state, B, jobs(0), 400), 605);
  assert.equal(predictStart(run.state, "no model of any pool", jobs(0), 400), 0);
});

Deno.test("predictStart() depends on the tokens that the jobs may generate", () => {
  const run = new Run({ queueCapacity: 100 });
  run.at(0, pool([worker("w1", A, { slots: 2 })]));
  measure(run.state, A, "serviceMs", 21_000);
  measure(run.state, A, "firstTokenMs", 1000);
  measure(run.state, A, "tokensOut", 2000);
  const predicted = () => {
    const ahead = countAhead(run.state, { fingerprint: A, priority: "interactive", tenant: "t" });
    return predictStart(run.state, A, ahead, 0);
  };
  const add = (id: string, maxTokens?: number) =>
    run.at(0, submit(id, 0, { tenant: "t", maxTokens }));
  add("runs", 200);
  add("runs, too", 100_000);
  // 1 s to the first token and 10 ms for each: 3 s and 21 s.
  assert.equal(predicted(), (3000 + 21_000) / 2 / 2);
  for (let n = 0; n < 10; n++) add(`short ${n}`, 200);
  assert.equal(predicted(), 6000 + 10 * 3000 / 2);
  add("long");
  assert.equal(predicted(), 6000 + (10 * 3000 + 21_000) / 2);
});

Deno.test("retryAfter() says when a place should be free, a second at least", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A, { slots: 2 })]));
  for (let n = 0; n < 3; n++) run.at(0, submit(`j${n}`, 0));
  assert.equal(retryAfter(run.state), 1000);
  run.at(10_000, done("j0"));
  assert.equal(retryAfter(run.state), 1000, "no job waits");
  run.at(10_000, submit("j3", 10_000));
  assert.equal(retryAfter(run.state), 5000);
});
