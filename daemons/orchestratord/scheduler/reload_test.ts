import assert from "node:assert/strict";
import type { PoolWorker } from "#shared/contracts/mod.ts";
import {
  A,
  B,
  dispatched,
  done,
  kinds,
  MIB,
  model,
  pool,
  Run,
  submit,
  worker,
} from "../testing/scheduler.ts";
import { checkReload } from "./reload.ts";
import type { Effect, Input } from "./state.ts";

const tick = { kind: "tick" as const };
const reload = { poolId: "p1", from: A, to: B, fromRef: "a", toRef: "b", streamsMs: 1_000 };
const begin: Input = { kind: "reload_pool", reload };

/** A pool with this much free memory in addition to its workers. */
const withRoom = (workers: PoolWorker[], freeMib: number): Input => {
  const device = { id: "cpu", kind: "cpu" as const, name: "cpu", total_bytes: 300 * MIB };
  return pool(workers, { devices: [{ ...device, free_bytes: freeMib * MIB }] });
};

function spawnOf(effects: readonly Effect[]) {
  const [spawn] = effects.flatMap((effect) => effect.kind === "spawn" ? [effect.spawn] : []);
  assert.ok(spawn, "a worker is spawned");
  return spawn;
}

Deno.test("the old model serves until the new one does, and its streams end", () => {
  const run = new Run();
  const old = worker("w1", A, { slots: 2 });
  run.at(0, withRoom([old], 200));
  run.at(1, submit("j1", 1));
  const { requestId, fingerprint } = spawnOf(run.at(2, begin));
  assert.equal(fingerprint, B);
  assert.deepEqual(dispatched(run.at(3, submit("j2", 3))), ["j2 w1"], "it still serves");
  run.at(4, done("j2"));
  const fresh = worker("w2", B, { request_id: requestId });
  run.at(5, withRoom([old, fresh], 100));
  assert.equal(run.state.reloads.get("p1")?.stage, "retiring");
  assert.deepEqual(dispatched(run.at(6, submit("j3", 6))), [], "it gets no new job");
  assert.deepEqual(
    kinds(run.at(7, { kind: "cancel", jobId: "j3", error: { code: "CANCELLED", message: "" } })),
    ["fail"],
  );
  const effects = run.at(8, done("j1"));
  assert.deepEqual(effects.map((e) => e.kind === "stop_worker" && [e.workerId, e.reason]), [
    ["w1", "reload"],
  ]);
  run.at(9, withRoom([fresh], 200));
  assert.equal(run.state.reloads.get("p1")?.stage, "done");
});

Deno.test("a new model that cannot be started leaves the old one where it is", () => {
  const run = new Run();
  run.at(0, withRoom([worker("w1", A)], 200));
  const { requestId } = spawnOf(run.at(1, begin));
  run.at(2, { kind: "spawn_failed", requestId, message: "broken file" });
  const { stage, error } = run.state.reloads.get("p1")!;
  assert.deepEqual([stage, error], ["failed", "broken file"]);
  assert.deepEqual(dispatched(run.at(3, submit("j1", 3))), ["j1 w1"]);
});

Deno.test("where both do not fit the old one goes first, and comes back when the new one fails", () => {
  const run = new Run();
  const old = worker("w1", A);
  run.at(0, withRoom([old], 50));
  run.at(1, submit("j1", 1));
  assert.deepEqual(run.at(2, begin), [], "its stream continues");
  assert.deepEqual(run.at(3, submit("j2", 3)), [], "and it gets no new job");
  assert.deepEqual(kinds(run.at(4, done("j1"))), ["stop_worker"]);
  assert.deepEqual(run.at(5, withRoom([], 50)), [], "its memory is not free yet");
  const { requestId, fingerprint } = spawnOf(run.at(6, withRoom([], 150)));
  assert.equal(fingerprint, B);
  const effects = run.at(7, { kind: "spawn_failed", requestId, message: "broken" });
  assert.equal(spawnOf(effects).fingerprint, A, "the old one is loaded again");
});

Deno.test("streams of the old model continue elsewhere after the deadline", () => {
  const run = new Run();
  run.at(0, withRoom([worker("w1", A)], 50));
  run.at(0, pool([worker("w2", A)], { id: "p2", instanceId: "i2" }));
  run.at(1, submit("j1", 1), begin);
  const effects = run.at(1_001, tick);
  assert.deepEqual(kinds(effects), ["abort", "stop_worker", "dispatch"]);
  assert.deepEqual(dispatched(effects), ["j1 w2"]);
});

Deno.test("a reload always ends: it does not wait for ever", () => {
  const run = new Run({ spawnTimeoutMs: 5_000, poolTimeoutMs: Infinity, poolForgetMs: Infinity });
  run.at(0, withRoom([worker("w1", A)], 50));
  run.at(1, begin);
  run.at(2, withRoom([], 50));
  run.at(6_000, tick);
  assert.equal(run.state.reloads.get("p1")?.stage, "loading");
  run.at(6_001, tick);
  assert.equal(run.state.reloads.get("p1")?.stage, "failed");
  assert.deepEqual([...run.state.wishes.values()].map((wish) => wish.fingerprint), [A]);
});

Deno.test("checkReload() refuses a reload that cannot start", () => {
  const run = new Run();
  const code = (wanted: string, more: Partial<typeof reload> = {}) =>
    assert.throws(() => checkReload(run.state, { ...reload, ...more }), { code: wanted });
  code("NOT_FOUND");
  run.at(0, withRoom([], 300));
  code("CONFLICT");
  run.at(1, withRoom([worker("w1", A)], 100));
  checkReload(run.state, reload);
  code("CONFLICT", { to: A });
  code("MODEL_NOT_FOUND", { to: "c".repeat(64) });
  run.at(2, { kind: "drain_pool", poolId: "p1", until: 2 });
  code("CONFLICT");
  run.at(3, { kind: "undrain_pool", poolId: "p1" });
  run.at(4, pool([worker("w1", A)], { models: [model(A), model(B, 1000 * MIB)] }));
  code("INSUFFICIENT_MEMORY");
  run.at(5, withRoom([worker("w1", A)], 200), pool([worker("w1", A)]), begin);
  code("CONFLICT");
  run.at(9_000, tick);
  code("POOL_UNAVAILABLE");
});
