import assert from "node:assert/strict";
import { createMetrics } from "#shared/metrics.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import type { NumberedEvent } from "../store/job_store.ts";
import { acceptedJob, CANCELLED, end, T0, taskOf, token } from "../testing/live_jobs.ts";
import { valueOf } from "../testing/metric_values.ts";
import { withStore } from "../testing/temp_store.ts";
import { type FollowDeps, followKept, followLive } from "./follow.ts";
import type { StreamItem } from "./job_stream.ts";
import type { LiveJob } from "./live_job.ts";

const GRACE_MS = 50;

/** Readers of jobs, with recorded cancels and read marks. */
function open(store: FollowDeps["store"] = { events: () => Promise.resolve([]) }) {
  const clock = new FakeClock();
  const streams = createMetrics("orchd").gauge({ name: "streams_open", help: "x" });
  const [cancelled, read]: [string[], string[]] = [[], []];
  const deps: FollowDeps = {
    clock,
    store,
    metrics: { streams },
    jobs: { cancel: (jobId, message) => cancelled.push(`${jobId}: ${message}`) > 0 },
    markRead: (jobId) => void read.push(jobId),
  };
  const leave = new AbortController();
  return {
    clock,
    leave,
    cancelled,
    read,
    openStreams: () => valueOf(streams),
    follow: (job: LiveJob, after = 0, graceMs = GRACE_MS) =>
      followLive(deps, job, after, leave.signal, graceMs),
    kept: (after: number) => followKept(deps, "j1", after),
  };
}

const idsOf = (pages: readonly (readonly StreamItem[])[]) =>
  pages.flat().map((item) => item.kind === "event" ? item.id : item.kind);

Deno.test("a job whose last reader leaves is cancelled after its grace, and not before", async () => {
  const { clock, cancelled, follow, openStreams } = open();
  const job = await acceptedJob();
  const [one, other] = [follow(job), follow(job)];
  await one.next();
  await other.next();
  assert.equal(await openStreams(), 2);
  await one.return(undefined);
  assert.equal(clock.pending, 0, "somebody listens");
  await other.return(undefined);
  assert.equal(await openStreams(), 0);
  clock.advance(GRACE_MS - 1);
  assert.deepEqual(cancelled, []);
  clock.advance(1);
  assert.deepEqual(cancelled, ["j1: The client went away"]);
});

Deno.test("a reader that comes back within the grace keeps the job, until it leaves again", async () => {
  const { clock, cancelled, follow } = open();
  const job = await acceptedJob();
  const first = follow(job);
  await first.next();
  await first.return(undefined);
  clock.advance(GRACE_MS - 1);
  const second = follow(job);
  assert.deepEqual(idsOf([(await second.next()).value ?? []]), [1]);
  clock.advance(10 * GRACE_MS);
  assert.deepEqual(cancelled, []);
  await second.return(undefined);
  clock.advance(GRACE_MS);
  assert.equal(cancelled.length, 1);
});

Deno.test("without a grace a job is cancelled as soon as its client's signal aborts", async () => {
  const { leave, cancelled, follow } = open();
  const stream = follow(await acceptedJob(), 0, 0);
  await stream.next();
  const next = stream.next();
  leave.abort();
  assert.equal((await next).done, true);
  assert.deepEqual(cancelled, ["j1: The client went away"]);
});

Deno.test("a job that is detached, over or suspended is not cancelled without readers", () =>
  withStore(async (store) => {
    const { cancelled, read, clock, follow } = open();
    const detached = follow(await acceptedJob({ request: taskOf({ detached: true }) }), 0, 0);
    await detached.next();
    await detached.return(undefined);

    const over = await acceptedJob();
    const late = follow(over, 0, 0);
    await late.next();
    over.finish(CANCELLED, T0, {});
    await late.return(undefined);

    const suspended = await acceptedJob({ store });
    const reader = follow(suspended, 0, 0);
    await reader.next();
    const next = reader.next();
    suspended.suspend();
    assert.equal((await next).done, true);
    assert.deepEqual([cancelled, read, clock.pending], [[], [], 0]);
  }));

Deno.test("a stored job is marked as read once a client has read it to its end", () =>
  withStore(async (store) => {
    const { read, cancelled, follow, openStreams } = open();
    const [kept, passing] = [await acceptedJob({ id: "j2", store }), await acceptedJob()];
    const early = follow(kept);
    await early.next();
    for (const job of [kept, passing]) {
      job.emit(token(0));
      job.finish(end(1), T0, { status: "completed" });
    }
    await early.return(undefined);
    assert.deepEqual(read, [], "it left before the end");
    assert.deepEqual(idsOf(await Array.fromAsync(follow(kept, 1))), [2, 3]);
    assert.deepEqual(read, ["j2"]);
    assert.deepEqual(idsOf(await Array.fromAsync(follow(passing))), [1, 2, 3]);
    assert.deepEqual(read, ["j2"], "a job that is not stored needs no mark");
    assert.deepEqual(cancelled, []);
    assert.equal(await openStreams(), 0);
  }));

/** `count` token events with consecutive ids. */
function tokens(first: number, count: number): NumberedEvent[] {
  return Array.from({ length: count }, (_, n) => ({ id: first + n, event: token(n) }));
}

Deno.test("the stored events of a job come page by page, each read only when it is needed", () =>
  withStore(async (store) => {
    await acceptedJob({ store });
    const ending = { id: 602, event: end(600) };
    await store.append("j1", () => ({ events: [...tokens(2, 600), ending] }));
    const readAfter: number[] = [];
    const { kept, read } = open({
      events(jobId, after, limit) {
        readAfter.push(after);
        return store.events(jobId, after, limit);
      },
    });
    const stream = kept(0);
    const pages = [(await stream.next()).value ?? []];
    assert.deepEqual(readAfter, [0]);
    pages.push(...await Array.fromAsync(stream));
    assert.deepEqual(pages.map(({ length }) => length), [256, 256, 90]);
    assert.deepEqual(idsOf(pages), Array.from({ length: 602 }, (_, n) => n + 1));
    assert.deepEqual(readAfter, [0, 256, 512]);
    assert.deepEqual(read, ["j1"]);
    assert.deepEqual(idsOf(await Array.fromAsync(kept(600))), [601, 602]);
    assert.deepEqual(read, ["j1", "j1"]);
  }));

Deno.test("stored events that were erased, or have no end, finish without a read mark", () =>
  withStore(async (store) => {
    const { kept, read } = open(store);
    assert.deepEqual(await Array.fromAsync(kept(0)), [], "the job is unknown or was erased");
    await acceptedJob({ store });
    assert.deepEqual(idsOf(await Array.fromAsync(kept(0))), [1]);
    await store.append("j1", () => ({ events: tokens(2, 255) }));
    assert.equal((await Array.fromAsync(kept(0))).length, 1, "just one page");
    assert.deepEqual(await Array.fromAsync(kept(256)), []);
    assert.deepEqual(read, []);
  }));
