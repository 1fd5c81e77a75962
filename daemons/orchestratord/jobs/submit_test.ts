import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { openStage, type Stage } from "../testing/jobs_stage.ts";
import { end, names, readAll, started, T0, token } from "../testing/live_jobs.ts";
import { valueOf } from "../testing/metric_values.ts";
import { withStore } from "../testing/temp_store.ts";
import type { Store } from "../store/job_store.ts";
import { steadyTime } from "./submit.ts";

const KEYED = { idempotencyKey: "key" } as const;

/** Checks that no job waits or runs, and that a restart would restore none. */
async function assertNothingLeft({ loop, jobs, store }: Stage): Promise<void> {
  assert.equal(loop.state.queued.size + loop.state.running.size, 0);
  assert.deepEqual(jobs.progressOf(""), []);
  assert.deepEqual(await store.unfinished(), []);
}

const submitted = async ({ metrics }: Stage) =>
  Object.fromEntries(
    await Promise.all(["accepted", "repeated", "queue_full", "refused"].map(
      async (outcome) => [outcome, await valueOf(metrics.submitted, outcome)] as const,
    )),
  );

Deno.test("a durable task is on disk when it is accepted, and a task that is not durable never is", () =>
  withStore(async (store) => {
    const steps: string[] = [];
    const stage = openStage({
      ...store,
      async accept(job, queued) {
        const holder = await store.accept(job, queued);
        steps.push("committed");
        return holder;
      },
      sync: () => store.sync().then(() => void steps.push("synced")),
    });
    const { accepted, job } = await stage.submit({ seed: 5, deadline_ms: 900, session_id: "s1" });
    assert.deepEqual(steps, ["committed", "synced"]);
    const { job_id } = accepted;
    assert.deepEqual(accepted, {
      job_id,
      status: "queued",
      queue_position: 0,
      predicted_start_ms: 0,
      seed: 5,
      events_url: `/llm/v2/tasks/${job_id}/events`,
    });
    assert.equal(job?.id, job_id);
    const { createdAt, deadlineAt, seed, tenant, request } = (await store.get(job_id))!;
    assert.deepEqual({ createdAt, deadlineAt, seed, tenant, asked: request?.seed }, {
      createdAt: T0,
      deadlineAt: T0 + 900,
      seed: 5,
      tenant: "s1",
      asked: 5,
    });

    const passing = await stage.submit({}, { durable: false, tenant: "k1" });
    assert.equal(await store.get(passing.accepted.job_id), undefined);
    assert.equal(passing.job?.facts.tenant, "k1");
    assert.equal(
      passing.job?.facts.request.seed,
      passing.accepted.seed,
      "the seed is chosen and reported",
    );
    const { queued, running } = stage.loop.state;
    assert.equal(running.get(job_id)?.isStored, true);
    assert.equal(queued.get(passing.accepted.job_id)?.isStored, false);
    assert.equal(passing.accepted.queue_position, 0);
    assert.equal((await stage.submit()).accepted.queue_position, 1, "it is behind the job before");
    assert.equal(steps.length, 4);
  }));

Deno.test("a task that is submitted again with its key is the same job, while it lives and afterwards", () =>
  withStore(async (store) => {
    const stage = openStage(store);
    const first = await stage.submit({}, KEYED);
    const again = await stage.submit({}, KEYED);
    assert.equal(again.job, first.job);
    assert.equal(again.isRepeat, true);
    assert.equal(again.accepted.job_id, first.accepted.job_id);
    assert.equal(again.accepted.seed, first.accepted.seed);
    const stream = await stage.streams.next();
    stream.say(started(), token(0), end(1));
    await readAll(first.job!.stream);
    const afterwards = await stage.submit({}, KEYED);
    assert.deepEqual([afterwards.job, afterwards.isRepeat], [undefined, true]);
    assert.deepEqual(afterwards.accepted, { ...first.accepted, status: "completed" });
    assert.equal(stage.streams.opened.length, 1);
    assert.equal((await submitted(stage))["repeated"], 2);
  }));

Deno.test("an idempotency key that was used with another body is a conflict", () =>
  withStore(async (store) => {
    const stage = openStage(store);
    const { accepted: { job_id } } = await stage.submit({ max_tokens: 1 }, KEYED);
    await assert.rejects(stage.submit({ max_tokens: 2 }, KEYED), {
      code: "CONFLICT",
      details: { job_id },
    });
    assert.equal((await store.unfinished()).length, 1);
    assert.equal((await submitted(stage))["refused"], 1);
  }));

Deno.test("a key that is used by several at once makes one job, or another where the first was refused", () =>
  withStore(async (store) => {
    const stage = openStage(store);
    const both = await Promise.all([1, 2, 3].map(() => stage.submit({}, KEYED)));
    assert.deepEqual(both.map(({ isRepeat }) => isRepeat), [undefined, true, true]);
    assert.equal(new Set(both.map(({ accepted }) => accepted.job_id)).size, 1);
    assert.equal((await store.unfinished()).length, 1);

    const refusal = new LlorchError("RATE_LIMITED", "one at a time");
    const other = { idempotencyKey: "other" };
    const [refused, taken] = await Promise.allSettled([
      stage.submit({}, {
        ...other,
        admit() {
          throw refusal;
        },
      }),
      stage.submit({}, other),
    ]);
    assert.equal(refused.status === "rejected" && refused.reason, refusal);
    assert.equal(taken.status === "fulfilled" && taken.value.isRepeat, undefined);
  }));

Deno.test("a task whose key another process took meanwhile is that process's job, and runs once", () =>
  withStore(async (store) => {
    const other = openStage(store);
    let winner: string | undefined;
    const stage = openStage({
      ...store,
      async accept(job, queued) {
        winner ??= (await other.submit({}, KEYED)).accepted.job_id;
        return await store.accept(job, queued);
      },
    });
    const { accepted, job, isRepeat } = await stage.submit({}, KEYED);
    assert.deepEqual([accepted.job_id, job, isRepeat], [winner, undefined, true]);
    const { queued, running } = stage.loop.state;
    assert.deepEqual([queued.size, running.size, stage.jobs.progressOf("")], [0, 0, []]);
    assert.deepEqual((await store.unfinished()).map(({ jobId }) => jobId), [winner]);
    assert.equal((await submitted(stage))["repeated"], 1);
    await assert.rejects(stage.submit({ max_tokens: 2 }, KEYED), { code: "CONFLICT" });
  }));

Deno.test("a stopping orchestrator accepts no task, and one that restores knows only what its pools reported", () =>
  withStore(async (store) => {
    const stage = openStage(store);
    const retry = { code: "NOT_READY", retryAfterMs: 2_000 };
    stage.phase = "stopping";
    await assert.rejects(stage.submit(), retry);
    stage.phase = "restoring";
    await assert.rejects(stage.submit({ model: "unknown" }), retry);
    await assertNothingLeft(stage);
    await stage.submit();
    stage.phase = "serving";
    await assert.rejects(stage.submit({ model: "unknown" }), { code: "MODEL_NOT_FOUND" });
    assert.equal((await submitted(stage))["refused"], 3);
  }));

Deno.test("a task that cannot be written is refused and leaves nothing behind", () =>
  withStore(async (store) => {
    const failure = new LlorchError("NOT_READY", "no", { cause: new Error("the disk is full") });
    let accept: Store["accept"] = () => Promise.reject(failure);
    const stage = openStage({ ...store, accept: (...args) => accept(...args) });
    await assert.rejects(stage.submit({}, KEYED), {
      code: "NOT_READY",
      message: "Cannot keep the job: the database cannot be written (the disk is full)",
      retryAfterMs: 10_000,
    });
    const stream = await stage.streams.next();
    await stream.closed;
    await assertNothingLeft(stage);
    assert.deepEqual(stage.failed, []);
    assert.deepEqual(await submitted(stage), {
      accepted: 0,
      repeated: 0,
      queue_full: 0,
      refused: 1,
    });

    accept = store.accept;
    const { job, isRepeat } = await stage.submit({}, KEYED);
    assert.equal(isRepeat, undefined, "its key can be used again");
    (await stage.streams.next()).say(started(), end(0));
    assert.deepEqual(names(await readAll(job!.stream)), ["queued", "started", "end"]);
    assert.deepEqual(stage.log.of("job_write_failed"), [], "no event was added to the job");
  }));

Deno.test("a task that is committed but cannot be synced is refused, and a restart does not restore it", () =>
  withStore(async (store) => {
    let isBroken = true;
    const stage = openStage({
      ...store,
      sync: () => isBroken ? Promise.reject(new Error("the disk is gone")) : store.sync(),
    });
    await assert.rejects(stage.submit({}, KEYED), { code: "NOT_READY" });
    await assertNothingLeft(stage);
    isBroken = false;
    const { isRepeat, accepted } = await stage.submit({}, KEYED);
    assert.deepEqual([isRepeat, accepted.status], [undefined, "queued"]);
  }));

Deno.test("a key whose refused task is still being removed gets no job that is about to vanish", () =>
  withStore(async (store) => {
    const removal = Promise.withResolvers<void>();
    let isBroken = true;
    const stage = openStage({
      ...store,
      async accept(job, queued) {
        const holder = await store.accept(job, queued);
        // As after a lost connection: the job is stored, and the caller gets an error.
        if (isBroken) throw new LlorchError("NOT_READY", "The connection is lost");
        return holder;
      },
      remove: (id) => removal.promise.then(() => store.remove(id)),
    });
    await assert.rejects(stage.submit({}, KEYED), { code: "NOT_READY" });
    isBroken = false;
    const second = stage.submit({}, KEYED);
    removal.resolve();
    const { accepted, isRepeat, job } = await second;
    assert.equal(isRepeat, undefined);
    assert.equal(job?.id, accepted.job_id);
    assert.deepEqual((await store.unfinished()).map(({ jobId }) => jobId), [accepted.job_id]);
  }));

Deno.test("an owner's limits are checked without an await before the job is added", () =>
  withStore(async (store) => {
    const stage = openStage(store);
    const options = {
      tenant: "k1",
      admit() {
        if (stage.jobs.progressOf("k1").length > 0) throw new LlorchError("RATE_LIMITED", "one");
      },
    };
    const tries = await Promise.allSettled([1, 2, 3].map(() => stage.submit({}, options)));
    assert.deepEqual(tries.map(({ status }) => status), ["fulfilled", "rejected", "rejected"]);
    assert.equal((await store.unfinished()).length, 1);
  }));

Deno.test("a task that a full queue refuses is counted and leaves nothing behind", () =>
  withStore(async (store) => {
    const stage = openStage(store, { slots: 0, policy: { queueCapacity: 1 } });
    const { accepted } = await stage.submit();
    await assert.rejects(stage.submit(), { code: "QUEUE_FULL" });
    await assert.rejects(stage.submit({}, { durable: false }), { code: "QUEUE_FULL" });
    assert.deepEqual([...stage.loop.state.queued.keys()], [accepted.job_id]);
    assert.equal(stage.jobs.progressOf("").length, 1);
    assert.deepEqual(await submitted(stage), {
      accepted: 1,
      repeated: 0,
      queue_full: 2,
      refused: 0,
    });
  }));

Deno.test("a job starts as a suspect if its prompt may have ended the worker that counted its tokens", () =>
  withStore(async (store) => {
    // Nothing listens at the worker's address, and the prompt is long enough to be counted.
    const stage = openStage(store, { slots: 0 });
    const { accepted } = await stage.submit({ prompt: "w ".repeat(500) });
    assert.equal(stage.loop.state.queued.get(accepted.job_id)?.deaths, 1);
    const short = await stage.submit();
    assert.equal(stage.loop.state.queued.get(short.accepted.job_id)?.deaths, 0);
  }));

Deno.test("steadyTime() is as far from now as the time that it is given", () => {
  const clock = { now: () => 5_000, steady: () => 70, after: () => () => {} };
  assert.equal(steadyTime(clock, 4_990), 60);
  assert.equal(steadyTime(clock, 6_000), 1_070);
});
