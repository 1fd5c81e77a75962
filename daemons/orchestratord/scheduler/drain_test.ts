import assert from "node:assert/strict";
import {
  A,
  B,
  dispatched,
  done,
  kinds,
  pool,
  progress,
  Run,
  submit,
  worker,
} from "../testing/scheduler.ts";
import { poolViews } from "./views.ts";

const drain = (until: number) => ({ kind: "drain_pool" as const, poolId: "p1", until });
const undrain = { kind: "undrain_pool" as const, poolId: "p1" };
const tick = { kind: "tick" as const };

Deno.test("a drained pool gets no new work, lets its streams end, and then stops its workers", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A, { slots: 2 }), worker("w2", B)]));
  assert.deepEqual(dispatched(run.at(1, submit("j1", 1))), ["j1 w1"]);
  const effects = run.at(2, drain(1_000));
  assert.deepEqual(effects.map((e) => e.kind === "stop_worker" && [e.workerId, e.reason]), [
    ["w2", "drain"],
  ]);
  assert.deepEqual(run.at(3, submit("j2", 3)), [], "a slot is free, but not for this job");
  assert.equal(poolViews(run.state)[0]?.status, "draining");
  const ended = run.at(4, done("j1"));
  assert.deepEqual(ended.map((e) => e.kind === "stop_worker" && e.workerId), ["w1"]);
  run.at(5, pool([]));
  assert.equal(poolViews(run.state)[0]?.status, "drained");
  assert.deepEqual(kinds(run.at(6, undrain)), ["spawn"], "the waiting job is served");
});

Deno.test("a stream on a drained pool goes on elsewhere once its time is up", () => {
  const run = new Run({ maxAttempts: 1 });
  run.at(0, pool([worker("w1", A)]));
  run.at(0, pool([worker("w2", A)], { id: "p2", instanceId: "i2" }));
  assert.deepEqual(dispatched(run.at(1, submit("j1", 1))), ["j1 w1"]);
  run.at(2, progress("j1"), drain(50));
  const effects = run.at(52, tick);
  assert.deepEqual(kinds(effects), ["abort", "stop_worker", "dispatch"]);
  assert.deepEqual(dispatched(effects), ["j1 w2"]);
});

Deno.test("a worker that was spawned before the drain is stopped when it is ready", () => {
  const run = new Run();
  run.at(0, pool([]));
  const [spawn] = run.at(1, submit("j1", 1));
  assert.ok(spawn?.kind === "spawn");
  run.at(2, drain(1_000));
  const request_id = spawn.spawn.requestId;
  const loading = worker("w1", A, { request_id, state: "loading" });
  assert.deepEqual(kinds(run.at(3, pool([loading]))), ["stop_worker"]);
});

Deno.test("a drain outlives the pool manager's restart, and even its leaving", () => {
  const run = new Run();
  run.at(0, pool([]), drain(10));
  run.at(20, { kind: "pool_left", poolId: "p1" });
  assert.deepEqual(run.at(30, pool([], { instanceId: "i2" }), submit("j1", 30)), []);
  assert.equal(poolViews(run.state)[0]?.status, "drained");
});

Deno.test("a worker whose stop request did not reach its pool is stopped at the pool's next report", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]));
  assert.deepEqual(kinds(run.at(1, drain(10))), ["stop_worker"]);
  assert.deepEqual(run.at(2, { kind: "stop_failed", workerId: "w1" }, tick), []);
  assert.deepEqual(kinds(run.at(3, pool([worker("w1", A)]))), ["stop_worker"]);
});
