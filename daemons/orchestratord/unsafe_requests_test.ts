import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { LlorchError } from "#shared/errors.ts";
import { withGuarded } from "./testing/guarded.ts";
import { type FakePool, follow, withHarness } from "./testing/harness.ts";

const task = { model: "counter", prompt: "w7", max_tokens: 5 };

/** From now on the pool's workers die with the first job that they get. */
function dying(pool: FakePool): void {
  pool.tokens = 0;
  pool.onSpawn = (id, worker) => worker.onExecute = () => void pool.crash(id);
}

Deno.test("a request that ends workers ends as unsafe: to its key, on /v1, and after a restart", async () => {
  await withHarness(
    { stop_deadline_ms: 50, failover: { backoff_first_ms: 50 } },
    async (harness) => {
      const { pool } = harness;
      const crashed = Promise.withResolvers<void>();
      const alive = Promise.withResolvers<void>();
      pool.tokens = 0;
      pool.onSpawn = (id, worker) =>
        worker.onExecute = () => {
          if (pool.spawns <= 2) void pool.crash(id).then(crashed.resolve);
          else alive.resolve();
        };
      const headers = { "idempotency-key": "poison" };
      const body = { ...task, detached: true };
      const { job_id } = await harness.client.call(routes.submit, { body, headers });
      await crashed.promise;
      await alive.promise;
      // The job is in its third attempt.
      await harness.restart();
      const view = () => harness.client.call(routes.getTask, { params: { id: job_id } });
      const suspects = (await view()).attempts.filter(({ suspect }) => suspect);
      assert.equal(suspects.length, 2, "the outcomes of the earlier attempts are known");
      await pool.crash([...pool.workers.keys()][0]!);
      const events = await harness.events(job_id);
      const last = events.at(-1);
      assert.equal(last?.event === "error" && last.data.code, "REQUEST_UNSAFE");
      assert.equal(last?.event === "error" && last.data.retriable, false);
      const spawns = pool.spawns;
      const again = await harness.client.call(routes.submit, { body, headers });
      assert.deepEqual([again.job_id, again.status], [job_id, "failed"]);
      await harness.restart();
      assert.equal((await view()).error?.code, "REQUEST_UNSAFE");
      assert.equal(pool.spawns, spawns, "it is not tried again");

      dying(pool);
      const reply = await fetch(`${harness.url}/v1/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(task),
      });
      assert.equal(reply.status, 422);
      assert.equal(reply.headers.get("x-should-retry"), "false");
      assert.equal((await reply.json()).error.code, "request_unsafe");
    },
  );
});

Deno.test("a key that sends such requests is named in the feed, and refused beyond its bound", async () => {
  const settings = { failover: { backoff_first_ms: 50 }, keys: { unsafe_requests_per_hour: 1 } };
  await withGuarded(settings, async (guarded) => {
    const pool = await guarded.pool();
    dying(pool);
    const { secret, key_id } = await guarded.key({ name: "Mallory" });
    const mallory = guarded.client(secret);
    const other = guarded.client((await guarded.key({ name: "Ann" })).secret);

    const leave = new AbortController();
    const { signal } = leave;
    const { events } = await guarded.root.stream(routes.serviceEvents, {}, { signal });
    await Array.fromAsync(follow(mallory, task));
    for await (const { event, data } of events) {
      if (event !== "request_unsafe") continue;
      assert.match(JSON.parse(data).message, new RegExp(`of the key "Mallory" \\(${key_id}\\)`));
      break;
    }
    leave.abort();

    const refusal = await mallory.call(routes.submit, { body: task })
      .then(() => assert.fail("It was taken"), (error: LlorchError) => error);
    assert.equal(refusal.code, "RATE_LIMITED");
    assert.equal(refusal.details?.["limit"], "unsafe_requests_per_hour");
    assert.ok(refusal.retryAfterMs! > 3_590_000);
    await guarded.restart();
    await assert.rejects(guarded.client(secret).call(routes.submit, { body: task }), {
      code: "RATE_LIMITED",
    });
    await pool.register();
    pool.tokens = Infinity;
    pool.onSpawn = () => {};
    assert.equal((await Array.fromAsync(follow(other, task))).at(-1)?.event, "end");
  });
});

Deno.test("what a key has waiting is refused once it is past its bound, and what others have waits on", async () => {
  const settings = { failover: { backoff_first_ms: 50 }, keys: { unsafe_requests_per_hour: 1 } };
  await withGuarded(settings, async (guarded) => {
    const pool = await guarded.pool();
    const mallory = guarded.client((await guarded.key({ name: "Mallory" })).secret);
    const ann = guarded.client((await guarded.key({ name: "Ann" })).secret);
    const waiting = Promise.withResolvers<string[]>();
    pool.tokens = 0;
    pool.onSpawn = (id, worker) =>
      worker.onExecute = async () => {
        if (pool.spawns < 3) return void pool.crash(id);
        // During the last trial of the first job.
        pool.holdLoads = true;
        const body = { ...task, detached: true };
        const jobs = await Promise.all(
          [mallory, ann].map((client) => client.call(routes.submit, { body })),
        );
        waiting.resolve(jobs.map(({ job_id }) => job_id));
        await pool.crash(id);
      };
    const last = (await Array.fromAsync(follow(mallory, task))).at(-1);
    assert.equal(last?.event === "error" && last.data.code, "REQUEST_UNSAFE");
    const [hers, anns] = await waiting.promise;
    const refused = (await Array.fromAsync(follow(mallory, hers!))).at(-1);
    assert.equal(refused?.event === "error" && refused.data.code, "RATE_LIMITED");
    pool.tokens = Infinity;
    pool.onSpawn = () => {};
    for (const { worker } of pool.workers.values()) {
      worker.onExecute = () => {};
      worker.allow(Infinity);
    }
    await pool.ready();
    assert.equal((await Array.fromAsync(follow(ann, anns!))).at(-1)?.event, "end");
  });
});
