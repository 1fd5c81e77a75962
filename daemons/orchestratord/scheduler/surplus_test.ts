import assert from "node:assert/strict";
import { A, kinds, pool, Run, submit, worker } from "../testing/scheduler.ts";

const tick = { kind: "tick" as const };
const ours = (id: string) => worker(id, A, { request_id: `spawn-1-${id}` });
const second = { id: "p2", instanceId: "i2" };

Deno.test("a pool that comes back with a worker that was replaced: one of the two is stopped, one stays", () => {
  const run = new Run({ replicaIdleMs: 500, poolForgetMs: 4_000 });
  run.at(0, pool([ours("w1")]));
  run.at(0, pool([], second));
  run.at(3_500, pool([], second), tick);
  const [spawn] = run.at(3_500, submit("j1", 3_500));
  assert.ok(spawn?.kind === "spawn" && spawn.spawn.poolId === "p2");
  const replacement = worker("w2", A, { request_id: spawn.spawn.requestId });
  run.at(3_600, pool([replacement], second));
  run.at(5_000, tick);
  assert.equal(run.state.pools.has("p1"), false, "it was forgotten");
  run.at(5_100, pool([ours("w1")]), pool([replacement], second));
  assert.deepEqual(kinds(run.at(5_599, tick)), [], "w2 runs a job, and w1 is not idle for long");
  const effects = run.at(5_600, tick);
  assert.deepEqual(effects.map((e) => e.kind === "stop_worker" && [e.workerId, e.reason]), [
    ["w1", "surplus"],
  ]);
  run.at(5_700, pool([]), pool([replacement], second));
  assert.deepEqual(run.at(6_500, tick), [], "the last stays");
});

Deno.test("a second worker stays while jobs wait for its model, or when a person started it", () => {
  const run = new Run({ replicaIdleMs: 500, replicaAfterMs: Infinity });
  run.at(0, pool([worker("w1", A)]));
  run.at(0, pool([worker("w2", A)], second));
  assert.deepEqual(run.at(1_000, tick), []);
  const crowded = new Run({ replicaIdleMs: 500, replicaAfterMs: Infinity });
  crowded.at(0, pool([ours("w1")]));
  crowded.at(0, pool([ours("w2")], second));
  crowded.at(1, submit("j1", 1), submit("j2", 1), submit("j3", 1));
  assert.deepEqual(crowded.at(1_000, tick), []);
});
