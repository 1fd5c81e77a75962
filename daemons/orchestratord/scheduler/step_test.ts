import assert from "node:assert/strict";
import type { PoolModel, PoolWorker } from "#shared/contracts/mod.ts";
import {
  type Effect,
  initialState,
  type Input,
  type Policy,
  type PoolReport,
  type State,
} from "./state.ts";
import { checkCapacity, predictStart, step } from "./step.ts";

const MIB = 1024 * 1024;
const A = "a".repeat(64);
const B = "b".repeat(64);

const POLICY: Policy = {
  queueCapacity: 3,
  queueTimeoutMs: 10_000,
  batchPromoteMs: 5_000,
  maxAttempts: 3,
  backoffFirstMs: 100,
  backoffMaxMs: 1_000,
  poolTimeoutMs: 3_000,
  poolForgetMs: 60_000,
  spawnTimeoutMs: 20_000,
  breakerFailures: 3,
  breakerOpenMs: 30_000,
};

function model(fingerprint: string, weight = 100 * MIB): PoolModel {
  return {
    model_ref: `file:/models/${fingerprint.slice(0, 1)}.gguf`,
    aliases: [fingerprint.slice(0, 1)],
    fingerprint,
    path: "/x",
    size_bytes: weight,
    architecture: "llama",
    context_length: 100,
    weight_bytes: weight,
    kv_bytes_per_token: 0,
    compute_bytes: 0,
    staged: false,
  };
}

function worker(id: string, fingerprint: string, more: Partial<PoolWorker> = {}): PoolWorker {
  return {
    worker_id: id,
    request_id: `request-${id}`,
    pid: 1,
    model_ref: "m",
    fingerprint,
    device: "cpu",
    uri: "http://127.0.0.1:1",
    token: "t",
    backend: "cpu",
    capabilities: ["generate"],
    state: "ready",
    context: 100,
    slots: 1,
    active: 0,
    memory_bytes: 100 * MIB,
    ...more,
  };
}

function pool(workers: PoolWorker[], more: Partial<PoolReport> = {}): Input {
  return {
    kind: "pool_seen",
    pool: {
      id: "p1",
      instanceId: "i1",
      endpoint: "http://127.0.0.1:2",
      version: "1",
      modelsRevision: 1,
      devices: [{
        id: "cpu",
        kind: "cpu",
        name: "cpu",
        total_bytes: 300 * MIB,
        free_bytes: 300 * MIB,
      }],
      models: [model(A), model(B)],
      workers,
      exits: [],
      ...more,
    },
  };
}

function submit(id: string, queuedAt: number, more: Record<string, unknown> = {}): Input {
  const job = {
    id,
    model: "a",
    fingerprint: A,
    priority: "interactive" as const,
    tenant: "",
    queuedAt,
    deadlineAt: undefined,
    attempt: 0,
    ...more,
  };
  return { kind: "submit", job };
}

/** Runs inputs at given times and gives the effects of the last one. */
class Run {
  state: State = initialState(POLICY);
  at(now: number, ...inputs: Input[]): readonly Effect[] {
    let effects: readonly Effect[] = [];
    for (const input of inputs) effects = step(this.state, input, now).effects;
    return effects;
  }
}

const kinds = (effects: readonly Effect[]) => effects.map((effect) => effect.kind);

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
  const freed = run.at(1, {
    kind: "attempt_ended",
    jobId: "j1",
    attempt: 1,
    outcome: { kind: "done" },
  });
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

Deno.test("step() lets waiters for one model share one load", () => {
  const run = new Run();
  assert.deepEqual(kinds(run.at(0, pool([]), submit("j1", 0))), ["spawn"]);
  assert.deepEqual(kinds(run.at(1, submit("j2", 1))), []);
  const spawn = [...run.state.spawns.values()][0]!;
  const effects = run.at(
    5,
    pool([worker("w1", A, { request_id: spawn.requestId, slots: 2 })]),
  );
  assert.deepEqual(kinds(effects), ["dispatch", "dispatch"]);
  assert.equal(run.state.spawns.size, 0);
  assert.equal(run.state.rates.loadMs, 5);
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
  run.at(2, { kind: "attempt_ended", jobId: "j1", attempt: 1, outcome: { kind: "done" } });
  const effects = run.at(3, submit("j2", 3, { fingerprint: "c".repeat(64), model: "c" }));
  assert.deepEqual(
    effects.map((e) => e.kind === "stop_worker" && e.workerId),
    ["w2"],
    "w1 was used later",
  );
  assert.deepEqual(kinds(run.at(4, { kind: "tick" })), [], "w2 is already on its way out");
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
    /about 1000 MiB.*has 300 MiB/,
  );
});

Deno.test("step() tries a lost attempt again at once, then after doubling pauses, then fails", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A), worker("w2", A)]), submit("j1", 0));
  const lost = (attempt: number): Input => ({
    kind: "attempt_ended",
    jobId: "j1",
    attempt,
    outcome: { kind: "lost", message: "gone" },
  });
  assert.deepEqual(kinds(run.at(1, lost(1))), ["dispatch"]);
  assert.deepEqual(kinds(run.at(2, lost(2))), []);
  assert.deepEqual(kinds(run.at(50, { kind: "tick" })), []);
  assert.deepEqual(kinds(run.at(102, { kind: "tick" })), ["dispatch"]);
  const end = run.at(103, lost(3));
  assert.deepEqual(kinds(end), ["fail"]);
  assert.equal(run.state.running.size + run.state.queued.size, 0);
});

Deno.test("step() counts failures only while no token is delivered", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0));
  for (let attempt = 1; attempt <= 10; attempt++) {
    const now = attempt * 200;
    run.at(now, { kind: "progress", jobId: "j1", attempt });
    run.at(now, {
      kind: "attempt_ended",
      jobId: "j1",
      attempt,
      outcome: { kind: "lost", message: "gone" },
    });
    const effects = run.at(now + POLICY.backoffFirstMs, { kind: "tick" });
    assert.deepEqual(kinds(effects), ["dispatch"]);
  }
});

Deno.test("step() leaves a worker alone that has just lost a job", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0));
  const lost = run.at(1, {
    kind: "attempt_ended",
    jobId: "j1",
    attempt: 1,
    outcome: { kind: "lost", message: "gone" },
  });
  assert.deepEqual(kinds(lost), []);
  assert.deepEqual(kinds(run.at(2, pool([]))), ["spawn"], "the pool says that it is gone");
});

Deno.test("step() ignores the end of an attempt that was replaced", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0));
  const stale = run.at(1, {
    kind: "attempt_ended",
    jobId: "j1",
    attempt: 7,
    outcome: { kind: "done" },
  });
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

Deno.test("step() gives a job that lost its worker the queue timeout anew, and no more", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("j1", 0));
  run.at(9_000, pool([], { models: [] }));
  assert.deepEqual(kinds(run.at(18_000, { kind: "tick" })), ["pool_lost"]);
  const late = run.at(19_001, { kind: "tick" });
  assert.equal(late[0]?.kind === "fail" && late[0].error.code, "QUEUE_TIMEOUT");
});

Deno.test("step() serves interactive jobs before batch jobs until those have waited long enough", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("running", 0));
  run.at(0, submit("batch", 0, { priority: "batch" }));
  run.at(1, submit("interactive", 1));
  const done = (jobId: string): Input => ({
    kind: "attempt_ended",
    jobId,
    attempt: 1,
    outcome: { kind: "done" },
  });
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
  assert.deepEqual(kinds(fail(1)), ["spawn"], "the second try comes at once");
  assert.deepEqual(kinds(fail(2)), []);
  assert.deepEqual(kinds(run.at(102, { kind: "tick" })), ["spawn"]);
  const end = fail(103);
  assert.deepEqual(kinds(end), ["fail"]);
  assert.match(end[0]?.kind === "fail" ? end[0].error.message : "", /broken file/);
});

Deno.test("step() tries a wanted model again when its first load fails, and stops once it is loaded", () => {
  const run = new Run();
  run.at(0, pool([]));
  assert.deepEqual(kinds(run.at(1, { kind: "load", fingerprint: A })), ["spawn"]);
  run.at(2, { kind: "tick" });
  const requestId = [...run.state.spawns.keys()][0]!;
  const failed = run.at(3, { kind: "spawn_failed", requestId, message: "port in use" });
  assert.deepEqual(kinds(failed), ["spawn"]);
  const [again] = run.state.spawns.values();
  run.at(4, pool([worker("w1", A, { request_id: again!.requestId })]));
  assert.equal(run.state.wanted.size, 0);
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

Deno.test("checkCapacity() refuses a job when the queue is full, loaded model or not", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]));
  for (const id of ["j1", "j2", "j3", "j4"]) run.at(0, submit(id, 0));
  assert.equal(run.state.queued.size, 3);
  assert.throws(() => checkCapacity(run.state), { code: "QUEUE_FULL" });
});

Deno.test("predictStart() counts the rounds of slots ahead", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A, { slots: 2 })]), submit("j1", 0), submit("j2", 0));
  run.state.rates.serviceMs = 1000;
  assert.equal(predictStart(run.state, A, 0), 1000);
  assert.equal(predictStart(run.state, A, 2), 2000);
});
