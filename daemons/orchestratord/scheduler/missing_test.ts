import assert from "node:assert/strict";
import type { PoolModel, UnusableModel } from "#shared/contracts/mod.ts";
import { A, B, dispatched, kinds, model, pool, Run, submit, worker } from "../testing/scheduler.ts";
import type { Effect, Input } from "./state.ts";

const TICK: Input = { kind: "tick" };

/** A pool without room, so that jobs wait for it. */
const FULL = {
  devices: [{
    id: "cpu",
    kind: "cpu" as const,
    name: "cpu",
    total_bytes: 2 ** 40,
    free_bytes: 0,
  }],
};

function failures(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) =>
    effect.kind === "fail" ? [`${effect.jobId} ${effect.error.code} ${effect.error.message}`] : []
  );
}

function waiting(): Run {
  const run = new Run();
  run.at(0, pool([], FULL), submit("j", 0));
  return run;
}

Deno.test("jobs whose model no pool has any more end within seconds, with the reason", () => {
  const cases: readonly [readonly UnusableModel[], readonly PoolModel[], string][] = [
    [[], [{ ...model(B), path: "/y" }], "its file is gone"],
    [[{ name: "x", path: "/x", reason: "it is truncated" }], [], "it is truncated"],
    [[], [{ ...model(B), path: "/x" }], "its file was replaced"],
  ];
  for (const [unusable, models, reason] of cases) {
    const run = waiting();
    assert.deepEqual(failures(run.at(1_000, TICK)), []);
    run.at(
      2_000,
      pool([], { ...FULL, models: [...models], unusable }),
    );
    assert.deepEqual(failures(run.at(3_000, pool([], { ...FULL, models: undefined }), TICK)), []);
    const message = `No pool has the model "a" any more: pool p1 no longer has it: ${reason}`;
    assert.deepEqual(failures(run.at(5_000, TICK)), [`j MODEL_NOT_FOUND ${message}`]);
    assert.equal(run.state.queued.size, 0);
  }
});

Deno.test("a model that comes back, is on another pool, or is in memory is not given up", () => {
  const back = waiting();
  back.at(2_000, pool([], { ...FULL, models: [] }));
  back.at(3_000, pool([], FULL));
  assert.deepEqual(failures(back.at(6_000, TICK)), []);

  const elsewhere = waiting();
  elsewhere.at(1, pool([], { ...FULL, id: "p2" }));
  elsewhere.at(2_000, pool([], { ...FULL, models: [] }));
  assert.deepEqual(failures(elsewhere.at(6_000, TICK)), [], "though p2 is silent");

  const inMemory = new Run();
  inMemory.at(0, pool([worker("w", A)]), submit("first", 0), submit("j", 0));
  inMemory.at(2_000, pool([worker("w", A)], { models: [] }));
  assert.deepEqual(failures(inMemory.at(6_000, TICK)), []);
});

Deno.test("a pool that leaves does not end jobs for its models: it may come back with them", () => {
  const run = waiting();
  run.at(1_000, { kind: "pool_left", poolId: "p1" });
  assert.deepEqual(failures(run.at(9_000, TICK)), []);
});

Deno.test("a worker that could never load its model is not tried again, and its jobs end at once", () => {
  const run = new Run();
  const effects = run.at(0, pool([]), submit("j", 0));
  const spawn = effects.find((effect) => effect.kind === "spawn")!;
  assert.ok(spawn.kind === "spawn");
  run.at(1, { kind: "spawn_accepted", requestId: spawn.spawn.requestId, workerId: "w" });
  const exit = { worker_id: "w", category: "crash" as const, detail: "unknown architecture" };
  const after = run.at(2, pool([], { exits: [{ ...exit, is_final: true }] }));
  assert.deepEqual(failures(after), [
    "j WORKER_START_FAILED No worker could be started for the model: unknown architecture",
  ]);
  assert.ok(!kinds(after).includes("spawn"));
  const failed = after.find((effect) => effect.kind === "fail");
  assert.equal(failed?.kind === "fail" && failed.error.retriable, false, "a retry would not help");
  const failure = after.find((effect) => effect.kind === "load_failed");
  assert.equal(failure?.kind === "load_failed" && failure.failures, 1, "as often as it was tried");
  assert.deepEqual(dispatched(after), []);
});
