import assert from "node:assert/strict";
import { anywhere } from "./state.ts";
import { workerViews } from "./views.ts";
import {
  A,
  B,
  dispatched,
  done,
  kinds,
  lost,
  MIB,
  model,
  POLICY,
  pool,
  progress,
  Run,
  stopped,
  submit,
  takePlace,
  worker,
} from "../testing/scheduler.ts";

Deno.test("step() dispatches a job to a ready worker at once", () => {
  const run = new Run();
  const effects = run.at(0, pool([worker("w1", A)]), submit("j1", 0));
  assert.deepEqual(kinds(effects), ["dispatch"]);
  assert.equal(run.state.running.get("j1")?.lease?.workerId, "w1");
});

Deno.test("step() never gives a slot twice", () => {
  const run = new Run();
  const effects = run.at(0, pool([worker("w1", A)]), submit("j1", 0), submit("j2", 0));
  assert.deepEqual(kinds(effects), []);
  assert.deepEqual([...run.state.queued.keys()], ["j2"]);
  const freed = run.at(1, done("j1"));
  assert.deepEqual(freed.map((e) => e.kind === "dispatch" && e.jobId), ["j2"]);
});

Deno.test("step() prefers the worker with the most free slots", () => {
  const run = new Run();
  const effects = run.at(
    0,
    pool([worker("w1", A, { slots: 2 }), worker("w2", A, { slots: 4 })]),
    submit("j1", 0),
  );
  assert.equal(effects[0]?.kind === "dispatch" && effects[0].worker.worker_id, "w2");
});

Deno.test("step() leaves slots alone that an orchestrator which led before still uses", () => {
  const run = new Run();
  const report = (active: number) => pool([worker("w1", A, { slots: 2, active })]);
  run.at(0, report(1), { kind: "slots_held", slots: new Map([["w1", 1], ["gone", 1]]) });
  assert.deepEqual(dispatched(run.at(1, submit("j1", 1), submit("j2", 1))), []);
  assert.deepEqual([...run.state.running.keys()], ["j1"]);
  assert.deepEqual(dispatched(run.at(2, report(2))), []);
  assert.equal(workerViews(run.state)[0]!.active, 2);
  // Its stream has ended: the one that runs is ours.
  assert.deepEqual(dispatched(run.at(3, report(1))), ["j2 w1"]);
  assert.deepEqual(dispatched(run.at(4, report(2), submit("j3", 4))), []);
});

Deno.test("step() does not stop a worker for another model while such a slot is in use", () => {
  const run = new Run();
  const report = (active: number) =>
    pool([worker("w1", A, { active, memory_bytes: 250 * MIB })], {
      devices: [{
        ...{ id: "cpu", kind: "cpu", name: "cpu" },
        ...{ total_bytes: 300 * MIB, free_bytes: 50 * MIB },
      }],
    });
  run.at(0, report(1), { kind: "slots_held", slots: new Map([["w1", 1]]) });
  assert.deepEqual(stopped(run.at(600, submit("j1", 600, { model: "b", fingerprint: B }))), []);
  assert.deepEqual(stopped(run.at(700, report(0))), ["w1"]);
});

Deno.test("step() lets jobs that wait for one model share one load", () => {
  const run = new Run();
  assert.deepEqual(kinds(run.at(0, pool([]), submit("j1", 0))), ["spawn"]);
  assert.deepEqual(kinds(run.at(1, submit("j2", 1))), []);
  const spawn = [...run.state.spawns.values()][0]!;
  const effects = run.at(
    5,
    pool([worker("w1", A, { request_id: spawn.requestId, slots: 2 })]),
  );
  assert.deepEqual(kinds(effects), ["loaded", "dispatch", "dispatch"]);
  assert.equal(run.state.spawns.size, 0);
  assert.equal(run.state.rates.get(A)?.loadMs, 5);
});

Deno.test("step() evicts the least recently used idle worker, and only once", () => {
  const run = new Run();
  const full = {
    devices: [{
      id: "cpu",
      kind: "cpu" as const,
      name: "cpu",
      total_bytes: 300 * MIB,
      free_bytes: 50 * MIB,
    }],
    models: [model(A), model(B), model("c".repeat(64))],
  };
  const workers = [worker("w1", A), worker("w2", B)];
  run.at(0, pool(workers, full));
  run.at(1, submit("j1", 1));
  run.at(2, done("j1"));
  const effects = run.at(600, submit("j2", 600, { fingerprint: "c".repeat(64), model: "c" }));
  assert.deepEqual(stopped(effects), ["w2"], "w1 was used later");
  assert.deepEqual(kinds(run.at(601, { kind: "tick" })), [], "w2 is already stopping");
});

Deno.test("step() never evicts a busy worker: the other model waits", () => {
  const run = new Run();
  const full = {
    devices: [{
      id: "cpu",
      kind: "cpu" as const,
      name: "cpu",
      total_bytes: 300 * MIB,
      free_bytes: 50 * MIB,
    }],
  };
  run.at(0, pool([worker("w1", A)], full), submit("j1", 0));
  assert.deepEqual(kinds(run.at(1, submit("j2", 1, { fingerprint: B, model: "b" }))), []);
  assert.ok(run.state.queued.has("j2"));
});

Deno.test("step() fails a job whose model fits on no device, with the figures", () => {
  const run = new Run();
  const effects = run.at(0, pool([], { models: [model(A, 1000 * MIB)] }), submit("j1", 0));
  assert.deepEqual(kinds(effects), ["fail"]);
  assert.match(
    effects[0]?.kind === "fail" ? effects[0].error.message : "",
    /about 100\d MiB.*has 300 MiB/,
  );
});

Deno.test("step() tries a lost attempt again at once, then after doubling pauses, then fails", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A), worker("w2", A)]), submit("j1", 0));
  assert.deepEqual(kinds(run.at(1, lost("j1", 1))), ["dispatch"]);
  assert.deepEqual(kinds(run.at(2, lost("j1", 2))), []);
  assert.deepEqual(kinds(run.at(50, { kind: "tick" })), []);
  assert.deepEqual(kinds(run.at(102, { kind: "tick" })), ["dispatch"]);
  const end = run.at(103, lost("j1", 3));
  assert.deepEqual(kinds(end), ["fail"]);
  assert.equal(run.state.running.size + run.state.queued.size, 0);
});

Deno.test("step() counts failures only while no token is delivered", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0));
  for (let attempt = 1; attempt <= 10; attempt++) {
    const now = attempt * 200;
    run.at(now, progress("j1", 1, attempt));
    run.at(now, lost("j1", attempt));
    const effects = run.at(now + POLICY.backoffFirstMs, { kind: "tick" });
    assert.deepEqual(kinds(effects), ["dispatch"]);
  }
});

Deno.test("step() leaves a worker alone that has just lost a job", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0));
  assert.deepEqual(kinds(run.at(1, lost("j1"))), []);
  assert.deepEqual(kinds(run.at(2, pool([]))), ["spawn"], "the pool says that it is gone");
});

Deno.test("step() ignores the end of an attempt that was replaced", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0));
  const stale = run.at(1, done("j1", 1, 7));
  assert.deepEqual(kinds(stale), []);
  assert.ok(run.state.running.has("j1"));
});

Deno.test("step() moves a job when its worker is no longer reported", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A), worker("w2", A)]), submit("j1", 0));
  const used = run.state.running.get("j1")?.lease?.workerId;
  const left = used === "w1" ? "w2" : "w1";
  const effects = run.at(1, pool([worker(left, A)]));
  assert.deepEqual(kinds(effects), ["abort", "dispatch"]);
  assert.equal(run.state.running.get("j1")?.attempt, 2);
});

Deno.test("step() ends a cancelled job once, queued or running", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0), submit("j2", 0));
  const error = { code: "CANCELLED" as const, message: "x" };
  assert.deepEqual(kinds(run.at(1, { kind: "cancel", jobId: "j2", error })), ["fail"]);
  assert.deepEqual(kinds(run.at(1, { kind: "cancel", jobId: "j1", error })), ["abort", "fail"]);
  assert.deepEqual(kinds(run.at(1, { kind: "cancel", jobId: "j1", error })), []);
});

Deno.test("step() ends jobs at their deadline and after the queue timeout", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0, { deadlineAt: 500 }), submit("j2", 0));
  const late = run.at(500, { kind: "tick" });
  assert.deepEqual(late.map((e) => e.kind === "fail" ? e.error.code : e.kind), [
    "abort",
    "DEADLINE_UNMET",
    "dispatch",
  ]);
  run.at(501, submit("j3", 501));
  const timedOut = run.at(10_502, { kind: "tick" });
  assert.ok(timedOut.some((e) => e.kind === "fail" && e.error.code === "QUEUE_TIMEOUT"));
});

Deno.test("step() sees deadlines and timeouts that begin or change between two looks", () => {
  const run = new Run({ queueTimeoutMs: 10_000 });
  const codes = (effects: ReturnType<Run["at"]>) =>
    effects.flatMap((e) => e.kind === "fail" ? [`${e.jobId} ${e.error.code}`] : []);
  run.at(0, pool([worker("w1", A)]), submit("runs", 0), { kind: "tick" });
  run.at(100, submit("soon", 100, { deadlineAt: 300 }), { kind: "tick" });
  assert.deepEqual(codes(run.at(299, { kind: "tick" })), []);
  assert.deepEqual(codes(run.at(300, { kind: "tick" })), ["soon DEADLINE_UNMET"]);
  run.at(400, submit("waits", 400));
  run.at(401, pool([worker("w1", A)]), { kind: "tick" });
  const policy = { ...run.state.policy, queueTimeoutMs: 1_000 };
  assert.deepEqual(codes(run.at(1_400, { kind: "policy", policy }, { kind: "tick" })), []);
  assert.deepEqual(codes(run.at(1_401, { kind: "tick" })), ["waits QUEUE_TIMEOUT"]);
});

Deno.test("step() starts the queue timeout of a job again when it loses its worker", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0));
  const device = { id: "cpu", kind: "cpu" as const, name: "cpu", total_bytes: 2 ** 40 };
  run.at(9_000, pool([], { devices: [{ ...device, free_bytes: 0 }] }));
  assert.deepEqual(kinds(run.at(18_000, { kind: "tick" })), ["pool_lost"]);
  const late = run.at(19_001, { kind: "tick" });
  assert.equal(late[0]?.kind === "fail" && late[0].error.code, "QUEUE_TIMEOUT");
});

Deno.test("step() serves interactive jobs before batch jobs until those have waited long enough", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("running", 0));
  run.at(0, submit("batch", 0, { priority: "batch" }));
  run.at(1, submit("interactive", 1));
  const next = run.at(2, done("running"));
  assert.equal(next[0]?.kind === "dispatch" && next[0].jobId, "interactive");
  run.at(3, submit("later", 3));
  const promoted = run.at(5_001, done("interactive"));
  assert.equal(promoted[0]?.kind === "dispatch" && promoted[0].jobId, "batch");
});

Deno.test("step() gives up on a model after its pool has failed to start it too often", () => {
  const run = new Run();
  run.at(0, pool([]), submit("j1", 0));
  const fail = (now: number) => {
    const requestId = [...run.state.spawns.keys()][0]!;
    return run.at(now, { kind: "spawn_failed", requestId, message: "broken file" });
  };
  assert.deepEqual(kinds(fail(1)), ["load_failed", "spawn"], "the second try comes at once");
  assert.deepEqual(kinds(fail(2)), ["load_failed"]);
  assert.deepEqual(kinds(run.at(102, { kind: "tick" })), ["spawn"]);
  const end = fail(103);
  assert.deepEqual(kinds(end), ["load_failed", "fail"]);
  assert.match(end[1]?.kind === "fail" ? end[1].error.message : "", /broken file/);
});

Deno.test("step() closes the breakers of a pool that was restarted, but not of one that only reports", () => {
  const run = new Run();
  run.at(0, pool([]), submit("j1", 0));
  for (const now of [1, 2, 103]) {
    run.at(now - 0.5, { kind: "tick" });
    const requestId = [...run.state.spawns.keys()][0]!;
    run.at(now, { kind: "spawn_failed", requestId, message: "broken worker" });
  }
  assert.deepEqual(kinds(run.at(104, pool([]), submit("j2", 104))), ["fail"]);
  run.at(105, pool([], { instanceId: "i2" }));
  assert.deepEqual(kinds(run.at(106, submit("j3", 106))), ["spawn"]);
});

Deno.test("step() tries a wanted model again when its first load fails, and stops once it is loaded", () => {
  const run = new Run();
  run.at(0, pool([]));
  assert.deepEqual(kinds(run.at(1, { kind: "load", place: anywhere(A) })), ["spawn"]);
  run.at(2, { kind: "tick" });
  const requestId = [...run.state.spawns.keys()][0]!;
  const failed = run.at(3, { kind: "spawn_failed", requestId, message: "port in use" });
  assert.deepEqual(kinds(failed), ["load_failed", "spawn"]);
  const [again] = run.state.spawns.values();
  run.at(4, pool([worker("w1", A, { request_id: again!.requestId })]));
  assert.equal(run.state.wishes.size, 0);
  run.at(5, pool([]));
  assert.deepEqual(kinds(run.at(6, { kind: "tick" })), []);
});

Deno.test("step() stops using a silent pool and forgets it later", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]));
  assert.deepEqual(kinds(run.at(3_001, { kind: "tick" })), ["pool_lost"]);
  assert.deepEqual(kinds(run.at(3_002, submit("j1", 3_002))), []);
  assert.deepEqual(kinds(run.at(3_003, pool([worker("w1", A)]))), ["dispatch"]);
  run.at(100_000, { kind: "tick" });
  assert.equal(run.state.pools.size, 0);
});

Deno.test("the queue refuses a job when the queue is full, loaded model or not", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]));
  for (const id of ["j1", "j2", "j3", "j4"]) run.at(0, submit(id, 0));
  assert.equal(run.state.queued.size, 3);
  assert.throws(() => takePlace(run.state, "", 0), { code: "QUEUE_FULL" });
});

Deno.test("the queue keeps the next free place for a refused tenant, for a while", () => {
  const run = new Run({ queueCapacity: 4 });
  run.at(0, pool([worker("w1", A)]), submit("running", 0, { tenant: "many" }));
  for (let n = 0; n < 4; n++) run.at(0, submit(`many-${n}`, 0, { tenant: "many" }));
  assert.throws(() => takePlace(run.state, "few", 9_500), { code: "QUEUE_FULL" });
  run.at(10_000, done("running"));
  assert.throws(() => takePlace(run.state, "many", 10_001), /1 free places are kept for clients/);
  takePlace(run.state, "few", 10_500);
  run.at(10_500, submit("few-0", 10_500, { tenant: "few" }));
  assert.throws(() => takePlace(run.state, "few", 10_501), { code: "QUEUE_FULL" });
  run.at(19_000, done("many-0"));
  assert.throws(() => takePlace(run.state, "new", 19_001), /are kept for clients/);
  takePlace(run.state, "many", 600_000);
});

Deno.test("step() counts a worker as alive while another of its jobs gets events", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A, { slots: 2 })]), submit("j1", 0), submit("j2", 0));
  run.at(800, progress("j2"));
  const outcome = { kind: "lost" as const, message: "silent", silentMs: 900 };
  run.at(1_000, { kind: "attempt_ended", jobId: "j1", attempt: 1, tokensOut: 0, outcome });
  assert.equal(run.state.workers.get("w1")?.hangs, false);
});

Deno.test("step() shares slots among tenants by what their jobs cost, not by how many they send", () => {
  const run = new Run({ queueCapacity: 100 });
  run.at(0, pool([worker("w1", A)]), submit("running", 0, { tenant: "other" }));
  for (let n = 0; n < 4; n++) run.at(1, submit(`long-${n}`, 1, { tenant: "long" }));
  for (let n = 0; n < 8; n++) run.at(2, submit(`short-${n}`, 2, { tenant: "short" }));
  run.at(3, done("running"));
  const served = { long: 0, short: 0 };
  for (let now = 4; now < 10; now++) {
    const [running] = run.state.running.values();
    const tenant = running!.tenant as "long" | "short";
    served[tenant]++;
    run.at(now, done(running!.id, tenant === "long" ? 200 : 100));
  }
  assert.deepEqual(served, { long: 2, short: 4 });
});

Deno.test("step() gives a tenant that comes later no claim to what it did not use", () => {
  const run = new Run({ queueCapacity: 100 });
  run.at(0, pool([worker("w1", A)]));
  for (let n = 0; n < 20; n++) run.at(0, submit(`early-${n}`, 0, { tenant: "early" }));
  for (let n = 0; n < 10; n++) run.at(n, done(`early-${n}`, 100));
  for (let n = 0; n < 5; n++) run.at(20, submit(`late-${n}`, 20, { tenant: "late" }));
  const order: string[] = [];
  for (let now = 21; now < 27; now++) {
    const [running] = run.state.running.values();
    order.push(running!.tenant);
    run.at(now, done(running!.id, 100));
  }
  assert.deepEqual(order, ["early", "late", "early", "late", "early", "late"]);
});

const FULL = {
  devices: [{
    id: "cpu",
    kind: "cpu" as const,
    name: "cpu",
    total_bytes: 300 * MIB,
    free_bytes: 50 * MIB,
  }],
};

Deno.test("step() lets a busy model yield to one that waited out the patience, and back", () => {
  const run = new Run({ queueCapacity: 100 });
  run.at(0, pool([worker("w1", A)], FULL), submit("a1", 0));
  run.at(100, submit("b1", 100, { fingerprint: B, model: "b" }), submit("a2", 100));
  assert.deepEqual(dispatched(run.at(500, done("a1"))), ["a2 w1"], "patience lasts");
  run.at(600, submit("a3", 600));
  assert.deepEqual(kinds(run.at(1_100, { kind: "tick" })), []);
  const ended = run.at(1_200, done("a2"));
  assert.deepEqual(stopped(ended), ["w1"]);

  assert.deepEqual(
    ended.flatMap((e) => e.kind === "spawn" ? [e.spawn.fingerprint] : []),
    [B],
    "the model that waited longest is loaded",
  );
  const [spawn] = run.state.spawns.values();
  const ready = pool([worker("w2", B, { request_id: spawn!.requestId })], FULL);
  assert.deepEqual(dispatched(run.at(1_400, ready)), ["b1 w2"]);
  run.at(1_500, submit("b2", 1_500, { fingerprint: B, model: "b" }));
  assert.deepEqual(
    dispatched(run.at(1_600, done("b1"))),
    ["b2 w2"],
    "a3 has waited long, but the model was loaded just now",
  );
  run.at(1_900, submit("b3", 1_900, { fingerprint: B, model: "b" }));
  assert.deepEqual(
    kinds(run.at(2_000, done("b2"))),
    ["stop_worker", "spawn"],
    "its minimum residence is over, and a3 has waited longer than b3",
  );
});

Deno.test("step() keeps a model that was just loaded until its own job has come", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)], FULL));
  assert.deepEqual(kinds(run.at(10, submit("b1", 10, { fingerprint: B, model: "b" }))), []);
  assert.deepEqual(dispatched(run.at(20, submit("a1", 20))), ["a1 w1"]);
  assert.deepEqual(kinds(run.at(30, done("a1"))), ["stop_worker", "spawn"], "its own job has run");
});

Deno.test("step() loads a model once more where there is room, when its jobs have waited", () => {
  const run = new Run();
  const device = { kind: "cuda" as const, name: "g", total_bytes: 150 * MIB };
  const devices = {
    devices: [
      { ...device, id: "cuda0", free_bytes: 50 * MIB },
      { ...device, id: "cuda1", free_bytes: 150 * MIB },
      { ...device, id: "cpu", kind: "cpu" as const, free_bytes: 150 * MIB },
    ],
  };
  const first = worker("w1", A, { device: "cuda0" });
  run.at(0, pool([first], devices), submit("j1", 0), submit("j2", 0));
  assert.deepEqual(kinds(run.at(1_900, pool([first], devices))), [], "not yet");
  const spawned = run.at(2_000, { kind: "tick" });
  assert.deepEqual(spawned.map((e) => e.kind === "spawn" && e.spawn.device), ["cuda1"]);
  assert.deepEqual(kinds(run.at(2_001, { kind: "tick" })), [], "one at a time");
  const [spawn] = run.state.spawns.values();
  const second = worker("w2", A, { device: "cuda1", request_id: spawn!.requestId });
  assert.deepEqual(dispatched(run.at(2_100, pool([first, second], devices))), ["j2 w2"]);
  run.at(2_200, submit("j3", 2_200));
  run.at(4_700, pool([first, second], devices));
  assert.deepEqual(kinds(run.at(4_800, { kind: "tick" })), [], "never on another kind of device");
});

Deno.test("step() makes no model yield to batch jobs", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)], FULL), submit("a1", 0));
  run.at(10, submit("b1", 10, { fingerprint: B, model: "b", priority: "batch" }));
  run.at(2_000, submit("a2", 2_000));
  assert.deepEqual(dispatched(run.at(2_001, done("a1"))), ["a2 w1"]);
});

Deno.test("step() sends a session to the worker that served it, unless that is full", () => {
  const run = new Run();
  const workers = [worker("w1", A, { slots: 4 }), worker("w2", A, { slots: 4 })];
  run.at(0, pool(workers));
  const session = { affinity: ["s"] };
  assert.deepEqual(dispatched(run.at(1, submit("j1", 1, session))), ["j1 w1"]);
  assert.deepEqual(dispatched(run.at(2, submit("j2", 2))), ["j2 w2"], "most free slots");
  assert.deepEqual(dispatched(run.at(3, submit("j3", 3, session))), ["j3 w1"]);
  run.at(4, submit("j4", 4, session), submit("j5", 5, session));
  assert.equal(run.state.workers.get("w1")?.jobs.size, 4);
  assert.deepEqual(dispatched(run.at(6, submit("j6", 6, session))), ["j6 w2"]);
  assert.deepEqual(dispatched(run.at(7, submit("j7", 7, session))), ["j7 w2"], "it moved there");
});

Deno.test("step() sends a session to the worker that was given the slots of the one that served it", () => {
  const run = new Run();
  const other = worker("w2", A, { slots: 4 });
  const session = { affinity: ["s"] };
  run.at(0, pool([worker("w1", A, { slots: 4 }), other]));
  assert.deepEqual(dispatched(run.at(1, submit("j1", 1, session))), ["j1 w1"]);
  run.at(2, done("j1"));
  run.at(3, pool([other, worker("w3", A, { slots: 1, state: "loading" })]));
  run.at(4, pool([other, worker("w3", A, { slots: 1, heir_of: ["w1"] })]));
  assert.deepEqual(dispatched(run.at(5, submit("j2", 5))), ["j2 w2"], "most free slots");
  assert.deepEqual(dispatched(run.at(6, submit("j3", 6, session))), ["j3 w3"]);
});

Deno.test("step() wastes no work on a job that could not begin to answer in time", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0));
  run.at(200, progress("j1"));
  run.at(210, submit("late", 210, { deadlineAt: 500 }), submit("fine", 210, { deadlineAt: 900 }));
  const effects = run.at(400, done("j1"));
  assert.deepEqual(effects.map((e) => e.kind === "fail" ? e.error.code : e.kind), [
    "DEADLINE_UNMET",
    "dispatch",
  ]);
});

/** A worker whose only first token so far took 30 s. */
function afterSlowToken(): Run {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("slow", 0));
  run.at(30_000, progress("slow"));
  run.at(30_010, done("slow"));
  return run;
}

Deno.test("step() tries a job that seems too late where no other one waits, so that one slow answer ends no others", () => {
  const run = afterSlowToken();
  const soon = { deadlineAt: 35_000 };
  assert.deepEqual(dispatched(run.at(30_020, submit("next", 30_020, soon))), ["next w1"]);
  run.at(30_030, submit("late", 30_030, soon), submit("last", 30_031, soon));
  const effects = run.at(30_040, done("next"));
  assert.deepEqual(effects.map((e) => e.kind === "fail" ? `${e.jobId} ${e.error.code}` : e.kind), [
    "late DEADLINE_UNMET",
    "dispatch",
  ]);
});

Deno.test("step() tries all jobs that seem too late where each has a free slot", () => {
  const run = afterSlowToken();
  run.at(30_020, pool([]));
  const soon = { deadlineAt: 35_000 };
  for (const id of ["a", "b", "c"]) run.at(30_030, submit(id, 30_030, soon));
  const effects = run.at(30_040, pool([worker("w2", A, { slots: 3 })]));
  assert.deepEqual(dispatched(effects), ["a w2", "b w2", "c w2"]);
});

Deno.test("step() starts nothing while the daemon stops, and lets running jobs end", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0), submit("j2", 0));
  run.at(1, submit("j3", 1, { fingerprint: B, model: "b" }), { kind: "drain" });
  assert.deepEqual(kinds(run.at(2, done("j1"))), []);
  assert.deepEqual(kinds(run.at(3, { kind: "tick" })), []);
  assert.deepEqual([...run.state.queued.keys()], ["j2", "j3"]);
});

Deno.test("step() decides by the new policy from the next input on", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0), submit("j2", 0));
  run.at(1, { kind: "policy", policy: { ...POLICY, queueTimeoutMs: 100 } });
  const [effect] = run.at(200, { kind: "tick" });
  assert.equal(effect?.kind === "fail" && effect.error.code, "QUEUE_TIMEOUT");
});

Deno.test("step() forgets no pool that may be silent for so long", () => {
  const run = new Run({ poolTimeoutMs: 90_000, poolForgetMs: 60_000 });
  run.at(0, pool([worker("w1", A)]));
  run.at(89_000, { kind: "tick" });
  assert.deepEqual(dispatched(run.at(89_000, submit("j1", 89_000))), ["j1 w1"]);
  run.at(91_000, { kind: "tick" });
  assert.equal(run.state.pools.size, 0);
});

Deno.test("step() counts the leases of a pool that was forgotten and comes back", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0));
  run.at(100_000, { kind: "tick" });
  assert.equal(run.state.workers.size, 0);
  run.at(100_001, pool([worker("w1", A)]), submit("j2", 100_001));
  assert.deepEqual([...run.state.queued.keys()], ["j2"]);
});
