import assert from "node:assert/strict";
import {
  A,
  dispatched,
  kinds,
  MIB,
  pool,
  Run,
  stopped,
  submit,
  worker,
} from "../testing/scheduler.ts";

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
  assert.deepEqual(run.at(6_500, tick), [], "the last worker stays");
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

Deno.test("of workers of one model, a smaller one that a person started does not take the fuller one's place", () => {
  const small = { context: 50, slots: 1 };
  const full = worker("full", A, { request_id: "spawn-1-1", context: 100, slots: 4 });
  const gone = (byHand: ReturnType<typeof worker>) => {
    const run = new Run({ replicaIdleMs: 500 });
    run.at(0, pool([full, byHand]));
    return stopped(run.at(1_000, { kind: "tick" }));
  };
  assert.deepEqual(gone(worker("byhand", A, small)), []);
  assert.deepEqual(
    gone(worker("byhand", A, { ...small, context: 200 })),
    [],
    "it has fewer slots",
  );
  assert.deepEqual(
    gone(worker("byhand", A, { ...small, slots: 8 })),
    [],
    "it takes only shorter prompts",
  );
  assert.deepEqual(gone(worker("byhand", A, { context: 100, slots: 4 })), ["full"]);
  const smallOurs = worker("small", A, { request_id: "spawn-1-2", ...small });
  assert.deepEqual(
    gone(smallOurs),
    ["small"],
    "of the workers that no person started the smaller one is stopped, whichever is older",
  );
});

Deno.test("a worker on the CPU does not take the place of one on a GPU", () => {
  const run = new Run({ replicaIdleMs: 500 });
  const bytes = { total_bytes: 300 * MIB, free_bytes: 300 * MIB };
  const devices = (["cuda", "cpu"] as const).map((kind) => ({
    id: kind,
    kind,
    name: kind,
    ...bytes,
  }));
  const onGpu = worker("gpu", A, { request_id: "spawn-1-1", device: "cuda" });
  run.at(0, pool([onGpu, worker("byhand", A)], { devices }));
  assert.deepEqual(stopped(run.at(1_000, tick)), []);
});

Deno.test("a prompt that a small worker may not hold waits for the large one; what it holds goes to either", () => {
  const run = new Run();
  const small = worker("small", A, { context: 50, slots: 8 });
  run.at(0, pool([small, worker("large", A, { context: 100, slots: 1 })]));
  assert.deepEqual(dispatched(run.at(1, submit("long", 1, { tokensAtMost: 50 }))), ["long large"]);
  assert.deepEqual(dispatched(run.at(2, submit("short", 2, { tokensAtMost: 49 }))), [
    "short small",
  ]);
  assert.deepEqual(dispatched(run.at(3, submit("next", 3, { tokensAtMost: 70 }))), []);
  const [next] = run.at(4, {
    kind: "attempt_ended",
    jobId: "long",
    attempt: 1,
    tokensOut: 1,
    outcome: { kind: "done" },
  });
  assert.ok(next?.kind === "dispatch" && next.worker.worker_id === "large");
  const alone = new Run();
  alone.at(0, pool([small]));
  assert.deepEqual(dispatched(alone.at(1, submit("long", 1, { tokensAtMost: 70 }))), [
    "long small",
  ]);
});

Deno.test("a prompt that only a busy worker holds has its model loaded once more, whatever a small one has free", () => {
  const run = new Run({ replicaAfterMs: 500, replicaIdleMs: 60_000 });
  const small = worker("small", A, { context: 50, slots: 8 });
  run.at(0, pool([small, worker("large", A, { context: 100, slots: 1 })]), pool([], second));
  run.at(1, submit("j1", 1, { tokensAtMost: 70 }), submit("j2", 1, { tokensAtMost: 70 }));
  const [spawn] = run.at(600, tick);
  assert.ok(spawn?.kind === "spawn" && spawn.spawn.poolId === "p2");
});
