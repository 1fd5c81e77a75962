import assert from "node:assert/strict";
import { A, B, pool, Run, submit, worker } from "../testing/scheduler.ts";
import { loadOf } from "./loading.ts";
import { startOf } from "./forecast.ts";
import type { Spawn } from "./state.ts";

/** The only spawn. */
function spawned({ state }: Run): Spawn {
  const [spawn] = state.spawns.values();
  assert.ok(spawn);
  return spawn;
}

/** A pool that reports the worker of a run's spawn in a state. */
const reporting = (run: Run, state: "loading" | "ready") =>
  pool([worker("w1", A, { state, request_id: spawned(run).requestId })]);

Deno.test("loadOf() has how long a load has taken, and later how long one usually takes", () => {
  const run = new Run();
  run.at(0, pool([]));
  assert.equal(loadOf(run.state, A, 0), undefined);
  run.at(100, submit("j1", 100));
  run.at(200, reporting(run, "loading"));
  assert.deepEqual(loadOf(run.state, A, 400), { elapsedMs: 300 });
  assert.equal(loadOf(run.state, B, 400), undefined);
  run.at(1100, reporting(run, "ready"));
  assert.equal(loadOf(run.state, A, 1100), undefined, "it is loaded");

  run.at(2000, pool([]), submit("j2", 2000));
  assert.deepEqual(loadOf(run.state, A, 2500), { elapsedMs: 500, usualMs: 1000 });
  assert.equal(startOf(run.state, run.state.queued.get("j2")!, 2500).expected.mean, 500);
});

Deno.test("loadOf() knows nothing of loads on other kinds of devices", () => {
  const run = new Run();
  run.at(0, pool([]));
  run.at(0, submit("j1", 0));
  run.at(1000, reporting(run, "ready"));
  const cpu = run.state.pools.get("p1")!.devices[0]!;
  const gpu = { devices: [{ ...cpu, kind: "cuda" as const }] };
  run.at(2000, pool([], gpu), submit("j2", 2000));
  assert.deepEqual(loadOf(run.state, A, 2500), { elapsedMs: 500 });
});

Deno.test("the start of a job is predicted from loads on the kind of device that loads its model", () => {
  const run = new Run();
  run.at(0, pool([]));
  run.at(0, submit("j1", 0));
  run.at(1000, reporting(run, "ready"));
  // Another kind is slower.
  run.state.rates.get(A)!.loadMs = 6000;
  run.at(2000, pool([]), submit("j2", 2000));
  assert.equal(startOf(run.state, run.state.queued.get("j2")!, 2400).expected.mean, 600);
});

Deno.test("only the job that is tried alone waits for its worker", () => {
  const run = new Run();
  run.at(0, pool([]));
  run.at(100, submit("j1", 100));
  const spawn = spawned(run);
  run.state.spawns.set(spawn.requestId, { ...spawn, trialOf: "j1" });
  assert.equal(loadOf(run.state, A, 400), undefined);
  assert.equal(loadOf(run.state, A, 400, "j2"), undefined);
  assert.deepEqual(loadOf(run.state, A, 400, "j1"), { elapsedMs: 300 });
});
