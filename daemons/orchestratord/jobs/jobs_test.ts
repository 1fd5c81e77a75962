import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { delay } from "#shared/lifecycle.ts";
import { openStage, type Stage } from "../testing/jobs_stage.ts";
import {
  acceptedJob,
  attemptOn,
  end,
  errorOf,
  metrics,
  names,
  readAll,
  readTo,
  started,
  T0,
  taskOf,
  token,
} from "../testing/live_jobs.ts";
import { A, B } from "../testing/scheduler.ts";
import { breakable, holdAppends, withStore } from "../testing/temp_store.ts";
import type { LiveJob } from "./live_job.ts";

const PASSING = { durable: false } as const;

const isWaiting = ({ loop }: Stage, { id }: LiveJob) => loop.state.queued.has(id);
const isRunning = ({ loop }: Stage, { id }: LiveJob) => loop.state.running.has(id);

Deno.test("a job lives from its submission to its end", () =>
  withStore(async (store) => {
    const stage = openStage(store);
    const job = await stage.start({ prompt: "w0", max_tokens: 2, session_id: "s1" });
    assert.equal(stage.jobs.live(job.id), job);
    assert.equal(stage.jobs.running, 1);
    const stream = await stage.streams.next();
    const { job_id, attempt, prompt, max_tokens } = stream.request;
    assert.deepEqual({ job_id, attempt, prompt, max_tokens }, {
      job_id: job.id,
      attempt: 1,
      prompt: "w0",
      max_tokens: 2,
    });
    assert.ok(!("session_id" in stream.request), "scheduling fields are not sent to workers");
    stream.say(started(job.id), token(0), metrics(1), end(1));
    assert.deepEqual(names(await readAll(job.stream)), ["queued", "started", "token", "end"]);
    assert.equal(stage.jobs.live(job.id), undefined);
    assert.equal(stage.jobs.running, 0);
    assert.equal((await store.get(job.id))?.status, "completed");
  }));

Deno.test("a job can be cancelled while it runs and while it waits, and only while it lives", () =>
  withStore(async (store) => {
    const { jobs, streams, ...stage } = openStage(store);
    const running = await stage.start();
    const waiting = await stage.start();
    const stream = await streams.next();
    for (const job of [waiting, running]) {
      assert.equal(jobs.cancel(job.id, "no more"), true);
      const { code, message } = errorOf(await readAll(job.stream))!;
      assert.deepEqual([code, message], ["CANCELLED", "no more"]);
      assert.equal(jobs.cancel(job.id, "again"), false);
      assert.equal((await store.get(job.id))?.status, "cancelled");
    }
    await stream.closed;
    assert.equal(streams.opened.length, 1, "the waiting job was not started");
    assert.deepEqual(stage.failed, []);
  }));

Deno.test("a job whose last event is not stored yet is there for readers, and has ended for others", () =>
  withStore(async (store) => {
    const held = holdAppends(store);
    const { jobs, streams, ...stage } = openStage(held);
    const job = await stage.start({}, { tenant: "k1" });
    (await streams.next()).say(started(job.id), token(0), end(1));
    while (!job.ended) await delay(1);
    assert.equal(jobs.live(job.id), job);
    assert.deepEqual([jobs.progressOf("k1"), jobs.cancel(job.id, "late")], [[], false]);
    const read = readAll(jobs.live(job.id)!.stream);
    held.release();
    assert.deepEqual(names(await read), ["queued", "started", "token", "end"]);
    assert.equal(jobs.live(job.id), undefined);
    assert.equal((await store.get(job.id))?.status, "completed");
  }));

Deno.test("refuseWaiting() ends what a tenant has waiting, and nothing that runs or has delivered", () =>
  withStore(async (store) => {
    const stage = openStage(store, { slots: 2 });
    const { jobs, streams, clock, loop } = stage;
    const delivered = await stage.start({}, { tenant: "k1" });
    (await streams.next()).say(started(), token(0));
    await readTo(delivered.stream, 3);
    const silent = await stage.start({}, { tenant: "k1" });
    const waiting = await stage.start({}, { tenant: "k1" });
    const others = await stage.start({}, { tenant: "k2" });
    const refusal = new LlorchError("RATE_LIMITED", "one an hour");

    jobs.refuseWaiting("k1", refusal);
    const { code, message } = errorOf(await readAll(waiting.stream))!;
    assert.deepEqual([code, message], ["RATE_LIMITED", "one an hour"]);
    for (const job of [delivered, silent]) assert.ok(isRunning(stage, job));
    assert.ok(isWaiting(stage, others));

    // The running jobs go back into the queue.
    loop.send({ kind: "drain_pool", poolId: "p1", until: clock.now() });
    jobs.refuseWaiting("k1", refusal);
    assert.equal(errorOf(await readAll(silent.stream))?.code, "RATE_LIMITED");
    for (const job of [delivered, others]) assert.ok(isWaiting(stage, job));
  }));

Deno.test("drain() starts no more jobs, and refuses waiting jobs that are not stored", () =>
  withStore(async (store) => {
    const stage = openStage(store);
    const running = await stage.start({}, PASSING);
    const stream = await stage.streams.next();
    const [kept, passing] = [await stage.start(), await stage.start({}, PASSING)];
    stage.jobs.drain("over");
    const { code, retriable } = errorOf(await readAll(passing.stream))!;
    assert.deepEqual({ code, retriable }, { code: "NOT_READY", retriable: true });
    stream.say(started(), token(0), end(1));
    assert.equal(names(await readAll(running.stream)).at(-1), "end");
    assert.ok(isWaiting(stage, kept), "the next start restores it");
    assert.equal(stage.streams.opened.length, 1);
  }));

Deno.test("close() stops every attempt: stored jobs do not end, the others do", () =>
  withStore(async (store) => {
    const stage = openStage(store, { slots: 2 });
    const [kept, passing] = [await stage.start(), await stage.start({}, PASSING)];
    const waiting = await stage.start();
    const streams = [await stage.streams.next(), await stage.streams.next()];
    const read = Promise.all([kept, passing, waiting].map(({ stream }) => readAll(stream)));
    stage.jobs.close("over");
    for (const stream of streams) await stream.closed;
    const [ofKept, ofPassing, ofWaiting] = await read;
    assert.deepEqual([names(ofKept!), names(ofWaiting!)], [["queued"], ["queued"]]);
    assert.equal(errorOf(ofPassing!)?.code, "NOT_READY");
    const unfinished = await store.unfinished();
    assert.deepEqual(unfinished.map(({ jobId }) => jobId), [kept.id, waiting.id]);
  }));

Deno.test("restore() continues the jobs of an earlier process after every token that it stored", () =>
  withStore(async (store) => {
    // More jobs than are read from the store at once.
    const ids = Array.from({ length: 1_500 }, (_, i) => i + 1);
    const left = await acceptedJob({ store, tenant: "k1", request: taskOf({ max_tokens: 2_000 }) });
    left.beginAttempt(attemptOn("w0"));
    left.start(started().data, T0 + 1);
    for (const i of ids.keys()) left.emit(token(i));
    await readTo(left.stream, 1_502);
    const waiting = await acceptedJob({ id: "j2", store, tenant: "k1" });

    const stage = openStage(store);
    await stage.jobs.restore(await store.unfinished());
    const job = stage.jobs.live("j1")!;
    assert.ok(
      isWaiting(stage, stage.jobs.live("j2")!),
      "there is one slot, and the order is unchanged",
    );
    const stream = await stage.streams.next();
    const { attempt, resume_tokens, resume_index, max_tokens } = stream.request;
    assert.deepEqual({ attempt, resume_index, max_tokens }, {
      attempt: 2,
      resume_index: 1_500,
      max_tokens: 2_000,
    });
    assert.deepEqual(resume_tokens, ids);
    assert.deepEqual(job.attempts.map(({ reason }) => reason), [
      "orchestratord was restarted",
      undefined,
    ]);
    stream.say(started(), token(1_500), end(1_501));
    const events = await readAll(job.stream, 1_502);
    assert.deepEqual(events.map(({ id, event }) => [id, event.event]), [
      [1_503, "token"],
      [1_504, "end"],
    ]);
    const next = await stage.streams.next();
    assert.deepEqual([next.request.job_id, next.request.attempt], [waiting.id, 1]);
    assert.equal(stage.loop.state.running.get("j2")?.tenant, "k1");
  }));

Deno.test("restore() gives a job's time, deadline and deaths to the scheduler again", () =>
  withStore(async (store) => {
    const before = openStage(store, { slots: 0 });
    const { id } = await before.start({ deadline_ms: 5_000, priority: "batch" });
    before.jobs.live(id)!.beginAttempt(attemptOn("w0"));
    before.jobs.apply({ kind: "suspect", jobId: id, workerId: "w0" });
    before.jobs.close("over");

    before.clock.advance(1_000);
    const { jobs, loop } = openStage(store, { slots: 0, clock: before.clock });
    await jobs.restore(await store.unfinished());
    const { queuedAt, deadlineAt, deaths, attempt, priority, isStored } = loop.state.queued.get(
      id,
    )!;
    assert.deepEqual({ queuedAt, deadlineAt, deaths, attempt, priority, isStored }, {
      queuedAt: T0,
      deadlineAt: T0 + 5_000,
      deaths: 1,
      attempt: 1,
      priority: "batch",
      isStored: true,
    });
  }));

Deno.test("a job whose events can no longer be stored ends, and frees its slot for the next", () =>
  withStore(async (store) => {
    const kept = breakable(store);
    const stage = openStage(kept);
    const [broken, next] = [await stage.start(), await stage.start({}, PASSING)];
    const first = await stage.streams.next();
    kept.break(new Error("a constraint failed"));
    first.say(started(), token(0));
    assert.equal(errorOf(await readAll(broken.stream))?.code, "INTERNAL");
    await first.closed;
    const second = await stage.streams.next();
    assert.equal(second.request.job_id, next.id);
    assert.equal(stage.jobs.live(broken.id), undefined);
    assert.deepEqual(stage.log.of("job_write_failed").map(({ job_id }) => job_id), [broken.id]);
  }));

Deno.test("while the database takes no writes, stored jobs wait and the others run", () =>
  withStore(async (store) => {
    const { jobs, streams, ...stage } = openStage(store);
    jobs.storage(false);
    const kept = await stage.start();
    const passing = await stage.start({}, PASSING);
    const first = await streams.next();
    assert.equal(first.request.job_id, passing.id);
    first.say(started(), end(0));
    await readAll(passing.stream);
    assert.equal(streams.opened.length, 1);
    jobs.storage(true);
    assert.equal((await streams.next()).request.job_id, kept.id);
  }));

Deno.test("a job with a full write buffer leaves its slot once the database takes no writes", () =>
  withStore(async (store) => {
    const held = holdAppends(store);
    const stage = openStage(held);
    const full = await stage.start();
    const passing = await stage.start({}, PASSING);
    const stream = await stage.streams.next();
    for (let i = 0; i < 257; i++) {
      full.takeToken(token(i).data, T0);
      full.emit(token(i));
    }
    stage.jobs.storage(false);
    await stream.closed;
    assert.ok(isWaiting(stage, full));
    assert.equal((await stage.streams.next()).request.job_id, passing.id);
    held.release();
  }));

Deno.test("progressOf() and waitingFor() find the jobs of a tenant, and the one that waits longest for a model", () =>
  withStore(async (store) => {
    const { jobs, streams, ...stage } = openStage(store);
    const running = await stage.start({ max_tokens: 9 }, { tenant: "k1" });
    const stream = await streams.next();
    stream.say(started(), metrics(0, { prompt_done: 4, prompt_total: 4 }), token(0), token(1));
    await readTo(running.stream, 4);
    const first = await stage.start({}, { tenant: "k1" });
    await stage.start({}, { tenant: "k2" });
    const unmeasured = { endsInMs: undefined, staysMs: undefined };
    assert.deepEqual(jobs.progressOf("k1"), [
      { tokensIn: 4, tokensOut: 2, ...unmeasured },
      { tokensIn: 0, tokensOut: 0, ...unmeasured },
    ]);
    assert.deepEqual(jobs.progressOf("nobody"), []);
    assert.equal(jobs.waitingFor(A), first);
    assert.equal(jobs.waitingFor(B), undefined);
  }));
