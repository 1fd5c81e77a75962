import assert from "node:assert/strict";
import type { Activity } from "#shared/contracts/mod.ts";
import { Access } from "./access/access.ts";
import { applyEffect, reportFailure } from "./effects.ts";
import type { Feed } from "./feed/feed.ts";
import type { Jobs } from "./jobs/jobs.ts";
import type { LiveJob } from "./jobs/live_job.ts";
import type { Pools } from "./pools/pools.ts";
import type { Effect, Spawn } from "./scheduler/state.ts";
import type { Store } from "./store/job_store.ts";
import type { KeyStore } from "./store/key_store.ts";
import { openStage } from "./testing/jobs_stage.ts";
import { errorOf, factsOf, readAll, T0 } from "./testing/live_jobs.ts";
import { A, worker } from "./testing/scheduler.ts";
import { withStore } from "./testing/temp_store.ts";

const spawn: Spawn = {
  requestId: "r1",
  poolId: "p1",
  fingerprint: A,
  device: "cpu",
  claims: [{ device: "cpu", bytes: 1 }],
  startedAt: 0,
  workerId: undefined,
  isSwap: false,
  isCancelled: false,
  trialOf: undefined,
};
const endpoint = "http://127.0.0.1:2";

Deno.test("effects on jobs go to the jobs, and effects on workers and pools to the pools", () => {
  const applied: string[] = [];
  const recorder = (name: string) => ({
    apply: ({ kind }: Effect) => void applied.push(`${name}: ${kind}`),
    waitingFor: () => undefined,
  });
  const jobs = recorder("jobs") as unknown as Jobs;
  const pools = recorder("pools") as unknown as Pools;
  const job = { jobId: "j1", attempt: 1 };
  const effects: readonly Effect[] = [
    { kind: "dispatch", ...job, poolId: "p1", worker: worker("w1", A) },
    { kind: "abort", ...job, reason: "worker exited" },
    { kind: "suspect", jobId: "j1", workerId: "w1" },
    { kind: "fail", jobId: "j1", error: { code: "CANCELLED", message: "no more" } },
    { kind: "spawn", spawn, modelRef: "m", endpoint },
    { kind: "stop_worker", poolId: "p1", endpoint, workerId: "w1", reason: "idle" },
    { kind: "loaded", spawn, tookMs: 5 },
    { kind: "load_failed", spawn, message: "no", failures: 1, retryAt: 9 },
    { kind: "pool_lost", poolId: "p1" },
  ];
  for (const effect of effects) applyEffect(effect, jobs, pools);
  assert.deepEqual(applied, [
    "jobs: dispatch",
    "jobs: abort",
    "jobs: suspect",
    "jobs: fail",
    "pools: spawn",
    "pools: stop_worker",
    "pools: loaded",
    "pools: load_failed",
    "pools: pool_lost",
  ]);
});

Deno.test("a load is part of the trace of the job that waits longest for it, if one waits", () => {
  let isTraced = false;
  const facts = factsOf({
    correlationId: "c7",
    inTrace(work) {
      isTraced = true;
      try {
        return work();
      } finally {
        isTraced = false;
      }
    },
  });
  const loads: unknown[] = [];
  const pools = {
    apply: (_: Effect, correlationId?: string) => void loads.push({ correlationId, isTraced }),
  } as unknown as Pools;
  for (const waiting of [A, "b"]) {
    const jobs = {
      waitingFor: (fingerprint: string) => fingerprint === waiting ? { facts } : undefined,
    } as unknown as Jobs;
    applyEffect({ kind: "spawn", spawn, modelRef: "m", endpoint }, jobs, pools);
  }
  assert.deepEqual(loads, [
    { correlationId: "c7", isTraced: true },
    { correlationId: undefined, isTraced: false },
  ]);
});

/** An activity of the feed, with its tenant. */
type FeedEntry = Activity & { readonly tenant: string | undefined };

/** Jobs that do not run, and the feed's entries about their failures. */
function open(store: Store, { unsafePerHour = 1, keys = store.keys }: {
  unsafePerHour?: number;
  keys?: KeyStore;
} = {}) {
  const entries: FeedEntry[] = [];
  let wake = () => {};
  const feed = {
    add(activity: Activity, tenant?: string) {
      entries.push({ ...activity, tenant });
      wake();
    },
  } as unknown as Feed;
  const stage = openStage(store, {
    slots: 0,
    onFailed: (job, error) => reportFailure(job, error, { access, feed, jobs: stage.jobs }),
  });
  const { clock, metrics, loop } = stage;
  const defaults = () => ({ unsafe_requests_per_hour: unsafePerHour });
  const access = new Access({
    ...{ keys, clock, metrics, defaults },
    sessions: store.sessions,
    token: "shared",
    origins: () => [],
    hostNames: () => [],
  });
  return {
    ...stage,
    entries,
    /** Ends a job with an error and returns the feed's entry. */
    async fail(job: LiveJob, code: "REQUEST_UNSAFE" | "WORKER_LOST"): Promise<FeedEntry> {
      const isTold = new Promise<void>((resolve) => wake = resolve);
      const error = { code, message: "workers hung or died with it" };
      loop.send({ kind: "cancel", jobId: job.id, error });
      await isTold;
      return entries.at(-1)!;
    },
    /** Creates an API key and returns its id. */
    async key(keyId: string, name: string): Promise<string> {
      await store.keys.add({
        ...{ keyId, name, role: "client", secretSha256: "0".repeat(64), limits: {}, createdAt: T0 },
        ...{ expiresAt: undefined, revokedAt: undefined, lastUsedAt: undefined },
      });
      return keyId;
    },
  };
}

Deno.test("a failed job is reported to those who may see it, with its code", () =>
  withStore(async (store) => {
    const { start, fail, entries, ...stage } = open(store);
    const job = await start({}, { tenant: "k1" });
    assert.deepEqual(await fail(job, "WORKER_LOST"), {
      kind: "job_failed",
      message: `Job ${job.id} failed: WORKER_LOST: workers hung or died with it`,
      reason: "WORKER_LOST: workers hung or died with it",
      job_id: job.id,
      model: "a",
      tenant: "k1",
    });
    stage.jobs.cancel((await start()).id, "no more");
    assert.equal(entries.length, 1, "a cancel is not a failure");
  }));

Deno.test("an unsafe end is reported with its key's name, and the key's waiting jobs are refused", () =>
  withStore(async (store) => {
    const { start, fail, key, loop } = open(store);
    const tenant = await key("k1", "Mallory");
    const [unsafe, waiting] = [await start({}, { tenant }), await start({}, { tenant })];
    const other = await start({}, { tenant: await key("k2", "Ann") });
    assert.deepEqual(await fail(unsafe, "REQUEST_UNSAFE"), {
      kind: "request_unsafe",
      message: `Job ${unsafe.id} of the key "Mallory" (k1) is unsafe: workers hung or died with it`,
      reason: "workers hung or died with it",
      job_id: unsafe.id,
      model: "a",
      tenant: "k1",
    });
    const refusal = errorOf(await readAll(waiting.stream));
    assert.deepEqual([refusal?.code, refusal?.message], [
      "RATE_LIMITED",
      "This API key is limited to 1 unsafe requests per hour",
    ]);
    assert.deepEqual([...loop.state.queued.keys()], [other.id]);
  }));

Deno.test("a key that may send one more such request keeps its waiting jobs", () =>
  withStore(async (store) => {
    const { start, fail, key, loop } = open(store, { unsafePerHour: 2 });
    const tenant = await key("k1", "Mallory");
    const jobs = [];
    for (let n = 0; n < 3; n++) jobs.push(await start({}, { tenant }));
    const [first, second, third] = jobs as [LiveJob, LiveJob, LiveJob];
    await fail(first, "REQUEST_UNSAFE");
    assert.deepEqual([...loop.state.queued.keys()], [second.id, third.id]);
    await fail(second, "REQUEST_UNSAFE");
    assert.equal(loop.state.queued.size, 0);
  }));

Deno.test("an unsafe end is reported without a name if there is no key, or the database cannot be read", () =>
  withStore(async (store) => {
    const keyless = open(store);
    const job = await keyless.start({ session_id: "s1" });
    const { message, tenant } = await keyless.fail(job, "REQUEST_UNSAFE");
    assert.equal(message, `Job ${job.id} is unsafe: workers hung or died with it`);
    assert.equal(tenant, "s1");

    const get = () => Promise.reject(new Error("the disk is gone"));
    const unread = open(store, { keys: { ...store.keys, get } });
    const [unsafe, waiting] = [
      await unread.start({}, { tenant: "k1" }),
      await unread.start({}, { tenant: "k1" }),
    ];
    assert.doesNotMatch((await unread.fail(unsafe, "REQUEST_UNSAFE")).message, /key/);
    assert.equal(waiting.ended, false);
  }));
