import assert from "node:assert/strict";
import { A, B, done, pool, Run, submit, worker } from "../testing/scheduler.ts";
import { measure, predictStart, retryAfter } from "./rates.ts";

Deno.test("predictStart() counts the slots that become free before a job's turn", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A, { slots: 2 })]));
  measure(run.state, A, "serviceMs", 1000);
  assert.equal(predictStart(run.state, A, 0, 0), 0, "a slot is free");
  run.at(0, submit("j1", 0), submit("j2", 0));
  assert.equal(predictStart(run.state, A, 0, 0), 500);
  assert.equal(predictStart(run.state, A, 3, 0), 2000);
});

Deno.test("predictStart() counts what is left of a load", () => {
  const run = new Run();
  run.at(0, pool([]));
  assert.equal(predictStart(run.state, A, 0, 0), 0, "nothing was measured");
  measure(run.state, A, "loadMs", 900);
  assert.equal(predictStart(run.state, A, 0, 0), 900);
  run.at(100, submit("j1", 100));
  assert.equal(predictStart(run.state, A, 0, 400), 600);
  assert.equal(predictStart(run.state, B, 0, 400), 0);
});

Deno.test("retryAfter() says when a place should be free, a second at least", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A, { slots: 2 })]));
  for (let n = 0; n < 3; n++) run.at(0, submit(`j${n}`, 0));
  assert.equal(retryAfter(run.state), 1000);
  run.at(10_000, done("j0"));
  assert.equal(retryAfter(run.state), 1000, "nobody waits");
  run.at(10_000, submit("j3", 10_000));
  assert.equal(retryAfter(run.state), 5000);
});
