import assert from "node:assert/strict";
import type { Input } from "../scheduler/state.ts";
import { initialState } from "../scheduler/state.ts";
import { step } from "../scheduler/step.ts";
import { A, POLICY, pool, progress, submit, worker } from "../testing/scheduler.ts";
import { watchStep } from "./activities.ts";

/** Runs inputs one after the other, and returns the activities of each as `kind: message`. */
function activitiesOf(...inputs: readonly Input[]): string[][] {
  const state = initialState(POLICY);
  return inputs.map((input, index) => {
    const report = watchStep(state, input);
    const { effects } = step(state, input, index * 10);
    return report(state, effects).map(({ activity }) => `${activity.kind}: ${activity.message}`);
  });
}

Deno.test("a new pool is reported with its workers and models; a heartbeat is not", () => {
  assert.deepEqual(activitiesOf(pool([worker("w1", A)]), pool([worker("w1", A)])), [
    ["pool_seen: Pool p1 has registered: 1 worker, 2 models on disk"],
    [],
  ]);
});

Deno.test("a load is reported with its reason, and so is the end of the load", () => {
  const [, spawned] = activitiesOf(pool([]), submit("j1", 10));
  assert.deepEqual(spawned, [
    "spawn: Loading a on p1: 1 job waits for it",
  ]);
  const loading = worker("w1", A, { state: "loading" });
  assert.deepEqual(activitiesOf(pool([]), pool([loading]), pool([worker("w1", A)]))[2], [
    "ready: Worker w1 is ready with a on p1",
  ]);
});

Deno.test("a killed worker is reported, and the job that goes on elsewhere", () => {
  const exit = { worker_id: "w1", exit_code: null, signal: "SIGKILL", category: "crash" as const };
  const [, , ended] = activitiesOf(
    pool([worker("w1", A), worker("w2", A)]),
    submit("j1", 10),
    pool([worker("w2", A)], { exits: [exit] }),
  );
  assert.deepEqual(ended, [
    "exit: Worker w1 with a on p1 has ended: it was killed by SIGKILL",
    "failover: Job j1 continues elsewhere after attempt 1: worker exited",
  ]);
});

Deno.test("an activity about a job has its tenant", () => {
  const state = initialState(POLICY);
  step(state, pool([worker("w1", A), worker("w2", A)]), 0);
  step(state, submit("j1", 1, { tenant: "key" }), 1);
  const outcome = { kind: "lost", message: "the stream broke" } as const;
  const lost: Input = { kind: "attempt_ended", jobId: "j1", attempt: 1, tokensOut: 0, outcome };
  const report = watchStep(state, lost);
  const { effects } = step(state, lost, 2);
  const [happened] = report(state, effects);
  assert.equal(happened?.tenant, "key");
  assert.equal(
    happened?.activity.message,
    "Job j1 continues elsewhere after attempt 1 on w1: the stream broke",
  );
});

Deno.test("a silent pool is reported once, and again when it is forgotten", () => {
  const state = initialState(POLICY);
  const kindsAt = (now: number, input: Input) => {
    const report = watchStep(state, input);
    return report(state, step(state, input, now).effects).map(({ activity }) => activity.kind);
  };
  kindsAt(0, pool([]));
  assert.deepEqual(kindsAt(4_000, { kind: "tick" }), ["pool_lost"]);
  assert.deepEqual(kindsAt(5_000, { kind: "tick" }), []);
  assert.deepEqual(kindsAt(90_000, { kind: "tick" }), ["pool_left"]);
});

Deno.test("requests of an operator are reported", () => {
  const place = { fingerprint: A, poolId: "p1", device: undefined };
  const all = activitiesOf(
    pool([]),
    { kind: "drain_pool", poolId: "p1", until: 100 },
    { kind: "undrain_pool", poolId: "p1" },
    { kind: "pin", pin: { ...place, model: "a" } },
    { kind: "unpin", place },
    { kind: "load", place },
  ).slice(1);
  assert.deepEqual(all.map(([first]) => first), [
    "drain: Pool p1 takes no new work",
    "undrain: Pool p1 is back in service",
    "pin: Model a is pinned on pool p1: its workers stay loaded",
    "unpin: Model a is no longer pinned on pool p1",
    "load: Model a will be loaded on pool p1",
  ]);
  assert.match(all.at(-1)?.[1] ?? "", /^spawn: .*: an operator asked for it$/);
});

Deno.test("a load that fails is reported, however it failed", () => {
  const state = initialState(POLICY);
  step(state, pool([]), 0);
  step(state, submit("j1", 1), 1);
  const [requestId = ""] = state.spawns.keys();
  const failed: Input = { kind: "spawn_failed", requestId, message: "no such file" };
  const report = watchStep(state, failed);
  const [first] = report(state, step(state, failed, 2).effects);
  assert.equal(
    first?.activity.message,
    "Could not load a on p1: no such file",
  );
});

Deno.test("a job that gives its slot to others is no failover", () => {
  const state = initialState({ ...POLICY, yieldAfterMs: 1_000 });
  const at = (now: number, input: Input) => {
    const report = watchStep(state, input);
    return report(state, step(state, input, now).effects).map(({ activity }) => activity);
  };
  at(0, pool([worker("w", A)]));
  at(0, submit("long", 0, { tenant: "long", maxTokens: 4_000 }));
  at(100, progress("long"));
  at(5_000, progress("long", 1_000));
  at(5_000, pool([worker("w", A)]));
  at(5_000, submit("short", 5_000, { tenant: "short", maxTokens: 60 }));
  at(5_950, progress("long", 1_100));
  assert.deepEqual(at(6_000, { kind: "tick" }), [{
    kind: "yield",
    message: "Job long gives its slot to others after attempt 1, and continues later",
    job_id: "long",
    reason: "others have waited for its slot",
  }]);
});
