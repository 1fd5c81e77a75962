import assert from "node:assert/strict";
import type { Effect, Input } from "./state.ts";
import {
  A,
  B,
  dispatched,
  done,
  kinds,
  MIB,
  pool,
  progress,
  Run,
  stopped,
  submit,
  worker,
} from "../testing/scheduler.ts";

const four = (id: string, more = {}) => worker(id, A, { slots: 4, ...more });

/** The input of a stream that was silent for the stall time. */
function silent(jobId: string, attempt = 1, tokensOut = 0): Input {
  const outcome = { kind: "lost" as const, message: "silent", silentMs: 900 };
  return { kind: "attempt_ended", jobId, attempt, tokensOut, outcome };
}

/** The input of a broken connection to a worker. */
function brokeOff(jobId: string, attempt = 1, tokensOut = 0): Input {
  const outcome = { kind: "lost" as const, message: "reset", brokeOff: true as const };
  return { kind: "attempt_ended", jobId, attempt, tokensOut, outcome };
}

/** The report of a pool after a worker has crashed. */
function crashed(id: string, workers: Parameters<typeof pool>[0] = []): Input {
  return pool(workers, { exits: [{ worker_id: id, category: "crash" }] });
}

/**
 * A ready worker in place of the one that is being spawned: for the trial of a job, or for all
 * jobs.
 */
function spawnedWorker(run: Run, id: string, trialOf?: string, more = {}) {
  const spawn = [...run.state.spawns.values()].find((each) => each.trialOf === trialOf);
  assert.ok(spawn, `a worker is spawned for ${trialOf ?? "all"}`);
  return four(id, { request_id: spawn.requestId, ...more });
}

function suspected(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => effect.kind === "suspect" ? [effect.jobId] : []);
}

function failed(effects: readonly Effect[]): string[] {
  return effects.flatMap((each) =>
    each.kind === "fail" ? [`${each.jobId} ${each.error.code}`] : []
  );
}

/** Three streams, two of which have delivered tokens, and a poison that came before the third. */
function poisoned(more: Parameters<typeof four>[1] = {}): Run {
  const run = new Run({ queueCapacity: 100 });
  run.at(0, pool([four("w1", more)]), submit("s1", 0), submit("s2", 1));
  run.at(10, progress("s1"), progress("s2"), submit("poison", 10), submit("s3", 11));
  return run;
}

Deno.test("a worker that hangs is stopped at once with the first silence, and all its jobs move", () => {
  const run = poisoned();
  run.at(90, progress("s1", 2));
  const effects = run.at(1_000, silent("s1", 1, 2));
  assert.deepEqual(stopped(effects), ["w1"]);
  const aborted = effects.flatMap((each) => each.kind === "abort" ? [each.jobId] : []);
  assert.deepEqual(aborted, ["s2", "poison", "s3"], "the attempt of s1 has ended already");
  assert.deepEqual(
    suspected(effects),
    ["poison"],
    "it is the first of the jobs that delivered nothing",
  );
  for (const id of ["s1", "s2", "s3", "poison"]) {
    assert.equal(run.state.queued.get(id)?.failures, 0, `this is not a failure of ${id}`);
  }
  assert.deepEqual([...run.state.breakers.keys()], []);
});

Deno.test("a job that comes to a worker that is already silent is not suspected", () => {
  const run = new Run();
  run.at(0, pool([four("w1")]), submit("s1", 0));
  run.at(10, progress("s1"), submit("poison", 10), { kind: "heard", jobId: "poison", attempt: 1 });
  assert.deepEqual(dispatched(run.at(1_010, submit("s2", 1_010))), ["s2 w1"]);
  assert.deepEqual(suspected(run.at(2_000, silent("s1", 1, 1))), ["poison"]);
});

Deno.test("one stream that is silent while its neighbours get tokens loses its attempt alone", () => {
  const run = poisoned();
  run.at(800, progress("s2", 2));
  const effects = run.at(1_000, silent("s1", 1, 2));
  assert.deepEqual(stopped(effects), []);
  assert.equal(run.state.workers.get("w1")?.jobs.size, 3);
});

Deno.test("no job starts on a worker that has fallen silent, even if other jobs have started there since", () => {
  const run = new Run();
  run.at(0, pool([four("w1")]), submit("s1", 0));
  run.at(100, progress("s1"));
  assert.deepEqual(
    dispatched(run.at(1_500, submit("s2", 1_500))),
    ["s2 w1"],
    "a short silence does not count",
  );
  assert.deepEqual(dispatched(run.at(1_700, submit("s3", 1_700))), []);
  assert.deepEqual(dispatched(run.at(1_800, { kind: "heard", jobId: "s1", attempt: 1 })), [
    "s3 w1",
  ]);
});

Deno.test("a worker that computes one answer for long takes other jobs meanwhile", () => {
  const run = new Run();
  run.at(0, pool([four("w1")]), submit("embed", 0, { speaks: false }));
  assert.deepEqual(dispatched(run.at(60_000, pool([four("w1")]), submit("s1", 60_000))), ["s1 w1"]);
});

Deno.test("after a death the other jobs continue at once, one after the other, and lose one attempt", () => {
  const run = poisoned();
  run.at(1_000, silent("s1", 1, 2));
  const ready = run.at(2_000, crashed("w1", [four("w2")]));
  assert.deepEqual(dispatched(ready), ["s1 w2"]);
  assert.deepEqual(dispatched(run.at(2_010, progress("s1", 1, 2))), ["s2 w2"]);
  assert.deepEqual(dispatched(run.at(2_020, progress("s2", 1, 2))), ["s3 w2"]);
  const effectsAfter = run.at(2_030, progress("s3", 1, 2));
  assert.deepEqual(dispatched(effectsAfter), [], "the suspect does not run beside them");
  for (const id of ["s1", "s2", "s3"]) assert.equal(run.state.running.get(id)?.attempt, 2);
});

Deno.test("a suspect is tried alone on a worker of its own, three times at most, and ends as unsafe", () => {
  const run = poisoned();
  run.at(1_000, silent("s1", 1, 2));
  // The load for the others comes first; then there is room for one more.
  const w2 = spawnedWorker(run, "w2");
  run.at(2_000, crashed("w1", [w2]));
  for (const [n, id] of ["s1", "s2", "s3"].entries()) run.at(2_010 + n, progress(id, 1, 2));
  for (const [attempt, at] of [[2, 3_000], [3, 5_000]] as const) {
    const own = spawnedWorker(run, `own${attempt}`, "poison");
    run.at(at - 1, progress("s1", 2, 2));
    const effects = run.at(at, pool([w2, own]));
    assert.ok(dispatched(effects).includes(`poison own${attempt}`));
    const newcomer = run.at(at + 10, submit(`new${at}`, at + 10));
    assert.ok(
      !dispatched(newcomer).includes(`new${at} own${attempt}`),
      "no other job runs beside it",
    );
    const loss = run.at(at + 1_000, silent("poison", attempt));
    assert.deepEqual(stopped(loss), [`own${attempt}`]);
    assert.deepEqual(suspected(loss), ["poison"]);
    if (attempt === 3) return assert.deepEqual(failed(loss), ["poison REQUEST_UNSAFE"]);
    assert.deepEqual(failed(loss), []);
    run.at(at + 1_500, crashed(own.worker_id, [w2]));
  }
});

Deno.test("without room for a trial a suspect runs once more, beside no job without tokens, and then ends", () => {
  const full = { memory_bytes: 250 * MIB };
  const run = poisoned(full);
  run.at(1_000, silent("s1", 1, 2));
  const w2 = spawnedWorker(run, "w2", undefined, full);
  run.at(2_000, crashed("w1", [w2]));
  run.at(2_010, progress("s1", 1, 2));
  run.at(2_020, progress("s2", 1, 2));
  run.at(2_030, progress("s3", 1, 2));
  // Memory of an ended worker may show as used for a while.
  assert.ok(run.state.suspects.has("poison"));
  run.at(8_000, pool([w2]), ...["s1", "s2", "s3"].map((id) => progress(id, 2, 2)));
  assert.equal(run.state.running.get("poison")?.lease?.workerId, "w2");
  const second = run.at(9_000, silent("s1", 2, 2));
  assert.deepEqual(suspected(second), ["poison"]);
  const w3 = spawnedWorker(run, "w3", undefined, full);
  run.at(10_000, crashed("w2", [w3]));
  for (const [n, id] of ["s1", "s2", "s3"].entries()) run.at(10_010 + n, progress(id, 1, 3));
  const ended = run.at(15_000, pool([w3]));
  assert.deepEqual(failed(ended), ["poison REQUEST_UNSAFE"]);
  for (const id of ["s1", "s2", "s3"]) assert.ok(run.state.running.has(id), `${id} goes on`);
});

Deno.test("no other model is evicted to try a suspect alone", () => {
  const run = new Run();
  run.at(0, pool([four("w1")]), submit("poison", 0, { deaths: 2, attempt: 2 }));
  run.at(10, silent("poison", 3));
  const other = worker("other", B, { memory_bytes: 250 * MIB });
  run.at(100, crashed("w1", [other]));
  run.at(5_000, { kind: "tick" });
  const effects = run.at(10_000, { kind: "tick" });
  assert.deepEqual(stopped(effects), []);
});

Deno.test("a job that delivers is no suspect any more", () => {
  const run = new Run();
  run.at(0, pool([four("w1")]), submit("j1", 0));
  run.at(1_000, silent("j1"));
  run.at(2_000, crashed("w1", [spawnedWorker(run, "w2", "j1")]));
  assert.equal(run.state.running.get("j1")?.deaths, 1);
  run.at(2_010, progress("j1", 1, 2));
  assert.equal(run.state.running.get("j1")?.deaths, 0);
  assert.deepEqual(dispatched(run.at(2_020, submit("j2", 2_020))), ["j2 w2"]);
});

Deno.test("a job that was alone in the third death of a worker ends; the count survives a restart", () => {
  const run = new Run();
  run.at(0, pool([four("w1")]), submit("j1", 0, { deaths: 2, attempt: 2 }));
  assert.equal(run.state.running.get("j1")?.attempt, 3);
  assert.deepEqual(failed(run.at(100, crashed("w1"))), ["j1 REQUEST_UNSAFE"]);
});

Deno.test("a job with a broken connection waits for the pool's report; one that had delivered continues at once", () => {
  const run = new Run({ queueCapacity: 100 });
  run.at(0, pool([four("w1"), four("w2")]), submit("s1", 0), submit("s2", 0), submit("s3", 0));
  const on = (id: string) => run.state.running.get(id)?.lease?.workerId;
  const [first, second] = ["s1", "s3"];
  assert.equal(on(first), on(second));
  const dead = on(first)!;
  const left = dead === "w1" ? "w2" : "w1";
  run.at(10, progress(first));
  assert.deepEqual(dispatched(run.at(20, brokeOff(first, 1, 1))), [`${first} ${left}`]);
  assert.deepEqual(dispatched(run.at(21, brokeOff(second))), [], "it may be the cause");
  const word = run.at(30, crashed(dead, [four(left)]));
  assert.deepEqual(suspected(word), [second]);
  assert.ok(run.state.suspects.has(second) || run.state.running.has(second));
});

Deno.test("a job whose connection broke although its worker lives is retried after a pause, as a failure", () => {
  const run = new Run();
  run.at(0, pool([four("w1")]), submit("j1", 0));
  assert.deepEqual(kinds(run.at(10, brokeOff("j1"))), []);
  run.at(50, pool([four("w1")]));
  assert.deepEqual(dispatched(run.at(200, { kind: "tick" })), ["j1 w1"]);
  assert.equal(run.state.running.get("j1")?.failures, 1);
  assert.equal(run.state.running.get("j1")?.deaths, 0);
});

Deno.test("a worker that was stopped on purpose makes no job a suspect when it ends", () => {
  const run = new Run();
  run.at(0, pool([four("w1")]), submit("j1", 0));
  const ended = run.at(10, pool([], { exits: [{ worker_id: "w1", category: "stop" }] }));
  assert.deepEqual(suspected(ended), []);
});

Deno.test("of two waiting suspects of one tenant, the second ends", () => {
  const run = new Run({ queueCapacity: 100 });
  const more = { deaths: 2, attempt: 2, tenant: "key" };
  const effects = run.at(
    0,
    pool([], { devices: [] }),
    submit("j1", 0, more),
    submit("j2", 1, more),
  );
  assert.deepEqual(failed(effects), ["j2 REQUEST_UNSAFE"]);
  assert.deepEqual(failed(run.at(2, submit("j3", 2, { ...more, tenant: "other" }))), []);
});

Deno.test("one suspect at a time is tried on a pool", () => {
  const run = new Run({ queueCapacity: 100 });
  const more = { deaths: 1, attempt: 1 };
  const two = [four("w1"), four("w2")];
  const effects = run.at(0, pool(two), submit("j1", 0, more), submit("j2", 1, more));
  assert.deepEqual(dispatched(effects), []);
  assert.equal(run.state.running.size, 1);
  const [first] = run.state.running.keys();
  const next = run.at(10, done(first!, 1, 2));
  assert.equal(dispatched(next).length, 1);
});

Deno.test("of jobs that came together, the first one without a report is the likeliest cause", () => {
  const run = new Run({ queueCapacity: 100 });
  run.at(0, submit("s1", 0), submit("s2", 0), submit("poison", 0), submit("s3", 0));
  run.at(10, pool([four("w1")]));
  for (const jobId of ["s1", "s2"]) run.at(20, { kind: "heard", jobId, attempt: 1 });
  assert.deepEqual(suspected(run.at(1_000, silent("s3"))), ["poison"]);
});
