import assert from "node:assert/strict";
import { delay } from "#shared/lifecycle.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import {
  acceptedJob,
  attemptOn,
  CANCELLED,
  end,
  errorOf,
  factsOf,
  names,
  readAll,
  readTo,
  started,
  T0,
  taskOf,
  token,
} from "../testing/live_jobs.ts";
import { breakable, holdAppends, withStore } from "../testing/temp_store.ts";
import type { NumberedEvent } from "../store/job_store.ts";
import { LiveJob } from "./live_job.ts";

const COMPLETED = { status: "completed" } as const;

Deno.test("a job's events are numbered from 1, and stored as they are shown", () =>
  withStore(async (store) => {
    const job = await acceptedJob({ store });
    job.start(started().data, T0 + 5);
    for (const i of [0, 1]) {
      job.takeToken(token(i).data, T0 + 10);
      job.emit(token(i));
    }
    job.finish(end(2), T0 + 20, COMPLETED);
    const events = await readAll(job.stream);
    assert.deepEqual(events.map(({ id }) => id), [1, 2, 3, 4, 5]);
    assert.deepEqual(names(events), ["queued", "started", "token", "token", "end"]);
    assert.deepEqual(await store.events("j1", 0, 10), events);
    const { status, startedAt, endedAt } = (await store.get("j1"))!;
    assert.deepEqual({ status, startedAt, endedAt }, {
      status: "completed",
      startedAt: T0 + 5,
      endedAt: T0 + 20,
    });
  }));

Deno.test("nothing is added after a terminal event", () =>
  withStore(async (store) => {
    const job = await acceptedJob({ store });
    job.finish(CANCELLED, T0, { status: "cancelled" });
    assert.ok(job.ended);
    job.emit(token(0));
    job.finish(end(1), T0, COMPLETED);
    job.patch({ status: "running" });
    assert.deepEqual(names(await readAll(job.stream)), ["queued", "error"]);
    assert.equal((await store.events("j1", 0, 10)).length, 2);
    assert.equal((await store.get("j1"))?.status, "cancelled");
  }));

Deno.test("a job waits until it is sent to a worker, whatever the worker does before it starts", async () => {
  const job = await acceptedJob();
  const started_at = new Date(T0 + 40).toISOString();
  job.beginAttempt({ ...attemptOn("w1"), started_at });
  job.start(started().data, T0 + 5_000);
  job.finish(end(0), T0 + 5_001, COMPLETED);
  const [, { event }] = await readAll(job.stream) as [NumberedEvent, NumberedEvent];
  assert.ok(event.event === "started");
  assert.equal(event.data.queue_wait_ms, 40);
});

Deno.test("a token out of order is refused and changes nothing", async () => {
  const job = await acceptedJob();
  assert.throws(() => job.takeToken(token(1).data, T0), RangeError);
  job.takeToken(token(0).data, T0);
  assert.throws(() => job.takeToken(token(0).data, T0), /token 0 instead of 1/);
  assert.equal(job.tokensOut, 1);
});

Deno.test("an attempt resumes from every token that was delivered", async () => {
  const job = await acceptedJob();
  const first = job.beginAttempt(attemptOn("w1"));
  assert.deepEqual(first.resume, { resume_tokens: [], resume_index: 0 });
  assert.deepEqual(job.takeToken(token(0, [5]).data, T0), {
    count: 1,
    isFirst: true,
    isFirstOfAttempt: true,
    sinceLastMs: undefined,
  });
  assert.equal(job.takeToken(token(1, [6, 7]).data, T0 + 30).sinceLastMs, 30);
  job.loseAttempt(T0 + 40, "gone");
  const second = job.beginAttempt(attemptOn("w2"));
  assert.equal(job.tokensOut, 3);
  assert.equal(job.tokensOfAttempt, 0);
  assert.deepEqual(second.resume, { resume_tokens: [5, 6, 7], resume_index: 2 });
  assert.deepEqual(job.takeToken(token(2).data, T0 + 50), {
    count: 1,
    isFirst: false,
    isFirstOfAttempt: true,
    sinceLastMs: undefined,
  });
  assert.deepEqual(job.attempts.map(({ worker_id, reason }) => [worker_id, reason]), [
    ["w1", "gone"],
    ["w2", undefined],
  ]);
});

Deno.test("an attempt resumes with mirostat's state of the last event that had one, after a restart too", () =>
  withStore(async (store) => {
    const before = await acceptedJob({ store });
    before.beginAttempt(attemptOn("w1"));
    const events = [9.25, 8.5, undefined].map((mirostat_mu, i) => {
      const { event, data } = token(i, mirostat_mu === undefined ? [] : [i]);
      return { event, data: mirostat_mu === undefined ? data : { ...data, mirostat_mu } };
    });
    for (const event of events) {
      before.takeToken(event.data, T0);
      before.emit(event);
    }
    await readTo(before.stream, 4);
    const resume = { resume_tokens: [0, 1], resume_index: 3, resume_mirostat_mu: 8.5 };
    before.loseAttempt(T0, "gone");
    assert.deepEqual(before.beginAttempt(attemptOn("w2")).resume, resume);

    const row = (await store.get("j1"))!;
    const kept = { row, events: await store.events("j1", 0, 10) };
    const after = new LiveJob(factsOf({ store }), kept);
    assert.deepEqual(after.beginAttempt(attemptOn("w3")).resume, resume);
  }));

Deno.test("a job that a later process restores continues after its stored events", () =>
  withStore(async (store) => {
    const before = await acceptedJob({ store });
    before.beginAttempt(attemptOn("w1"));
    before.start(started().data, T0 + 5);
    before.takeToken(token(0, [5, 6]).data, T0 + 10);
    before.emit(token(0, [5, 6]), { patch: { firstTokenAt: T0 + 10 } });
    await readTo(before.stream, 3);

    const row = (await store.get("j1"))!;
    const events = await store.events("j1", 0, 10);
    const job = new LiveJob(factsOf({ store }), { row, events });
    assert.equal(job.start(started().data, T0 + 90), undefined);
    const { resume } = job.beginAttempt(attemptOn("w2"));
    assert.deepEqual(resume, { resume_tokens: [5, 6], resume_index: 1 });
    assert.equal(job.takeToken(token(1).data, T0 + 100).isFirst, false);
    job.emit(token(1));
    job.finish(end(3), T0 + 110, COMPLETED);
    const after = await readAll(job.stream, 3);
    assert.deepEqual(after.map(({ id }) => id), [4, 5]);
    assert.deepEqual(names(await readAll(job.stream)), [
      "queued",
      "started",
      "token",
      "token",
      "end",
    ]);
    const { startedAt, firstTokenAt, attempts } = (await store.get("j1"))!;
    assert.deepEqual({ startedAt, firstTokenAt }, { startedAt: T0 + 5, firstTokenAt: T0 + 10 });
    assert.equal(attempts.length, 2);
  }));

Deno.test("a job without token ids cannot be resumed, and counts each event as one token", async () => {
  const job = await acceptedJob();
  assert.equal(job.isUnresumable, false);
  job.takeToken(token(0, []).data, T0);
  job.takeToken(token(1, []).data, T0);
  assert.equal(job.isUnresumable, true);
  assert.equal(job.tokensOut, 2);
});

Deno.test("a thought without token ids cannot go on", async () => {
  const job = await acceptedJob();
  job.takeToken({ ...token(0, []).data, channel: "reasoning" }, T0);
  assert.equal(job.isUnresumable, true);
});

Deno.test("a token whose text is that of several events is resumed and counted once", async () => {
  const job = await acceptedJob();
  job.beginAttempt(attemptOn("w1"));
  const call = (index: number) => ({ channel: "call", call: { index } }) as const;
  assert.equal(job.takeToken({ ...token(0, [5]).data, channel: "reasoning" }, T0).count, 1);
  assert.equal(job.takeToken({ ...token(1, []).data, t: "", ...call(0) }, T0).count, 0);
  assert.equal(job.takeToken({ ...token(2, []).data, ...call(0) }, T0).count, 0);
  assert.equal(job.tokensOut, 1);
  assert.equal(job.isUnresumable, false);
  job.loseAttempt(T0, "gone");
  const { resume } = job.beginAttempt(attemptOn("w2"));
  assert.deepEqual(resume, { resume_tokens: [5], resume_index: 3 });
  assert.equal(job.tokensOfAttempt, 0);
  job.takeToken({ ...token(3, []).data, ...call(0) }, T0);
  assert.equal(job.tokensOfAttempt, 1, "the scheduler must know that something was delivered");
});

Deno.test("deaths of workers that a job probably caused are counted, until it delivers", () =>
  withStore(async (store) => {
    const job = await acceptedJob({ store });
    const loseOn = (workerId: string) => {
      job.beginAttempt(attemptOn(workerId));
      job.loseAttempt(T0, "the worker exited");
    };
    loseOn("w1");
    job.suspect("w1");
    assert.equal(job.deaths, 1);
    loseOn("w2");
    job.suspect("nobody");
    assert.equal(job.deaths, 1);
    job.suspect("w2");
    assert.equal(job.deaths, 2);
    job.beginAttempt(attemptOn("w3"));
    assert.equal(job.deaths, 2, "the running attempt does not count yet");
    const suspects = async () => (await store.get("j1"))!.attempts.map(({ suspect }) => suspect);
    assert.deepEqual(await suspects(), [true, true, undefined]);

    job.takeToken(token(0).data, T0);
    assert.equal(job.deaths, 0);
    assert.deepEqual(await suspects(), [undefined, undefined, undefined]);
  }));

Deno.test("a job without readers is cancelled after its grace, unless keep() is called", async () => {
  const clock = new FakeClock();
  const job = await acceptedJob();
  let cancels = 0;
  const cancel = () => void cancels++;
  job.cancelAfter(clock, 50, cancel);
  clock.advance(49);
  job.keep();
  clock.advance(1000);
  assert.equal(cancels, 0);
  job.cancelAfter(clock, 50, cancel);
  clock.advance(50);
  assert.equal(cancels, 1);
  job.cancelAfter(clock, 0, cancel);
  assert.equal(cancels, 2, "at once");
  job.cancelAfter(clock, 50, cancel);
  job.finish(CANCELLED, T0, {});
  assert.equal(clock.pending, 0, "its end leaves no timer");
});

Deno.test("a job is abandoned without readers, but not when it is detached, suspended or over", () =>
  withStore(async (store) => {
    const job = await acceptedJob({ store });
    assert.equal(job.isAbandoned, true);
    const reader = job.stream.read(0, new AbortController().signal);
    await reader.next();
    assert.equal(job.isAbandoned, false);
    await reader.return(undefined);
    assert.equal(job.isAbandoned, true);
    assert.equal((await acceptedJob({ request: taskOf({ detached: true }) })).isAbandoned, false);
    const over = await acceptedJob();
    over.finish(CANCELLED, T0, {});
    assert.equal(over.isAbandoned, false);
    job.suspend();
    assert.equal(job.isAbandoned, false);
  }));

Deno.test("a suspended job stops its attempt, and lets its readers go without an end", () =>
  withStore(async (store) => {
    const clock = new FakeClock();
    const job = await acceptedJob({ store });
    const { signal } = job.beginAttempt(attemptOn("w1"));
    job.cancelAfter(clock, 50, () => assert.fail("A suspended job must not be cancelled"));
    const read = readAll(job.stream);
    job.suspend();
    assert.deepEqual(names(await read), ["queued"]);
    assert.ok(signal.aborted);
    assert.equal(clock.pending, 0);
    assert.equal((await store.get("j1"))?.endedAt, undefined);
  }));

Deno.test("when its store fails, a job's readers get one error and an end", () =>
  withStore(async (store) => {
    const broken: unknown[] = [];
    const failure = new Error("the disk is full");
    const kept = breakable(store);
    const onBroken = (error: unknown) => void broken.push(error);
    const job = await acceptedJob({ store: kept, onBroken });
    job.emit(token(0));
    await readTo(job.stream, 2);
    kept.break(failure);
    job.emit(token(1));
    job.patch({ status: "running" });
    const events = await readAll(job.stream);
    assert.deepEqual(names(events), ["queued", "token", "error"]);
    const { code, retriable } = errorOf(events)!;
    assert.deepEqual({ code, retriable }, { code: "INTERNAL", retriable: true });
    assert.deepEqual(broken, [failure]);
    assert.ok(job.ended);
    job.finish(CANCELLED, T0, {});
    assert.deepEqual(await readAll(job.stream), events, "a later reader gets the same events");
  }));

Deno.test("a job with more than 256 events to write makes its worker wait, and writes them at once", () =>
  withStore(async (store) => {
    const held = holdAppends(store);
    const job = await acceptedJob({ store: held });
    for (let i = 0; i < 256; i++) assert.equal(job.emit(token(i)), undefined);
    assert.equal(job.isFull, false);
    const written = job.emit(token(256), { patch: { firstTokenAt: T0 + 1 } });
    assert.ok(written);
    assert.equal(job.isFull, true);
    assert.equal(job.stream.lastId, 1, "nothing is shown before it is stored");
    held.release();
    await written;
    assert.equal(job.isFull, false);
    assert.equal(held.appends, 1);
    assert.equal(job.stream.lastId, 258);
    assert.equal((await store.events("j1", 0, 1000)).length, 258);
    assert.equal((await store.get("j1"))?.firstTokenAt, T0 + 1);
  }));

Deno.test("prompt tokens are counted without the tokens that the attempt resumed from", async () => {
  const job = await acceptedJob();
  assert.equal(job.usage, undefined);
  job.takeToken(token(0, [5, 6, 7, 8, 9]).data, T0);
  job.beginAttempt(attemptOn("w2"));
  job.sawPrompt({ prompt_done: 30, prompt_total: 45 });
  assert.equal(job.promptRead, 30);
  job.takeToken(token(1).data, T0);
  assert.equal(job.promptRead, 40, "the first token means that all of the prompt was read");
  job.sawPrompt({ prompt_done: 45, prompt_total: 45 });
  assert.deepEqual(job.usage, { tokens_in: 40, tokens_cached: 0, tokens_out: 6 });
});

Deno.test("what is stored together with a job's first event is shown after it", () =>
  withStore(async (store) => {
    const job = new LiveJob(factsOf({ store }));
    const { id: jobId, facts: { request, fingerprint, seed, createdAt, tenant } } = job;
    const told = Promise.withResolvers<void>();
    const queued = { job_id: jobId, queue_position: 0, predicted_start_ms: 0 };
    const accepted = job.accept({ event: "queued", data: queued }, async (first) => {
      await store.accept({
        ...{ jobId, request, fingerprint, seed, createdAt, tenant, deadlineAt: undefined },
        ...{ idempotencyKey: undefined, bodySha256: "x" },
      }, first);
      // The event is stored, but the caller does not know it yet.
      await told.promise;
    });
    const read = readAll(job.stream);
    job.emit(CANCELLED);
    while ((await store.events(jobId, 0, 10)).length < 2) await delay(1);
    told.resolve();
    await accepted;
    assert.deepEqual(names(await read), ["queued", "error"]);
  }));

Deno.test("a long prompt is left to the store, and comes back from there; a short one stays", () =>
  withStore(async (store) => {
    const prompt = "w3 ".repeat(1_000);
    const long = await acceptedJob({ store, request: taskOf({ prompt, max_tokens: 9 }) });
    const demand = long.prompt.demand("f1");
    long.prompt.leaveToStore();
    assert.equal(long.prompt.value, undefined);
    assert.equal((await long.prompt.stored()).prompt, prompt);
    assert.equal(long.facts.request.max_tokens, 9);
    assert.deepEqual(long.prompt.demand(long.fingerprint).tokensIn, demand.tokensIn);
    assert.deepEqual(long.prompt.demand("f1"), { ...demand, affinity: [] });

    const messages = [{ role: "user" as const, content: prompt }];
    const chat = await acceptedJob({
      id: "j2",
      store,
      request: taskOf({ prompt: undefined, messages }),
    });
    chat.prompt.leaveToStore();
    assert.equal(chat.prompt.value, undefined);
    assert.deepEqual((await chat.prompt.stored()).messages, messages);

    const short = await acceptedJob({ id: "j3", store });
    short.prompt.leaveToStore();
    assert.equal(short.prompt.value?.prompt, "w0");

    const volatile = await acceptedJob({ id: "j4", request: taskOf({ prompt }) });
    volatile.prompt.leaveToStore();
    assert.equal(volatile.prompt.value?.prompt, prompt);
    await store.remove("j1");
    await assert.rejects(long.prompt.stored(), { code: "CONTENT_EXPIRED" });
  }));

Deno.test("an attempt that gave its slot to others says so", async () => {
  const job = await acceptedJob();
  job.beginAttempt(attemptOn("w1"));
  job.fence(T0 + 9, "others have waited for its slot", true);
  job.beginAttempt(attemptOn("w1"));
  job.fence(T0 + 19, "worker exited");
  assert.deepEqual(job.attempts.map(({ yielded }) => yielded), [true, undefined]);
});
