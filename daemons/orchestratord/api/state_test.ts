import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { until } from "../../../tests/support/stack.ts";
import { withGuarded } from "../testing/guarded.ts";
import { inStartOrder } from "./state.ts";

/** Polls until there is a value. */
async function eventually<T>(what: string, read: () => Promise<T | undefined>): Promise<T> {
  let found: T | undefined;
  await until(what, async () => (found = await read()) !== undefined);
  return found!;
}

const LONG = { model: "counter", prompt: "w1", max_tokens: 900, detached: true };

Deno.test("jobs tell whose they are, how fast they run and when they should start", async () => {
  await withGuarded({}, async ({ root, client, key, pool: open }) => {
    const pool = await open();
    pool.tokens = 40;
    pool.slots = 1;
    const { secret } = await key({ name: "web site" });
    const site = client(secret);
    const { job_id: first } = await site.call(routes.submit, { body: LONG });
    const running = await eventually("it has a rate", async () => {
      const { running } = await root.call(routes.queue, {});
      return running.find(({ tokens_per_second }) => tokens_per_second !== undefined);
    });
    assert.equal(running.job_id, first);
    assert.equal(running.owner, "web site");
    assert.ok(running.tokens_per_second! > 0);
    const { job_id: second } = await root.call(routes.submit, { body: LONG });
    const [waiting] = (await root.call(routes.queue, {})).jobs;
    assert.equal(waiting?.job_id, second);
    assert.equal(waiting.owner, undefined, "it came without a key");
    assert.equal(typeof waiting.predicted_start_ms, "number");
    const { tasks } = await root.call(routes.listTasks, { query: {} });
    assert.deepEqual(tasks.map(({ job_id, owner }) => [job_id, owner]), [
      [second, undefined],
      [first, "web site"],
    ]);
    const own = await site.call(routes.getTask, { params: { id: first } });
    assert.equal(own.owner, "web site");
    for (const id of [first, second]) await root.call(routes.cancelTask, { params: { id } });
  });
});

Deno.test("GET /v2/models shows failed loads: on which pool, and when the next try is", async () => {
  const workers = { breaker_failures: 1, breaker_open_ms: 60_000 };
  await withGuarded({ workers }, async ({ root, pool: open }) => {
    const pool = await open();
    pool.broken.add([...pool.models.values()][0]!);
    const began = Date.now();
    await root.call(routes.loadModel, { params: { ref: "counter" }, body: {} });
    const failed = await eventually("the load has failed", async () => {
      const { models } = await root.call(routes.models, {});
      return models[0]?.failed_loads?.[0];
    });
    assert.equal(failed.pool_id, "p1");
    assert.equal(failed.failures, 1);
    assert.match(failed.error, /The model is broken/);
    const afterMs = Date.parse(failed.retry_at) - began;
    assert.ok(afterMs > 55_000 && afterMs < 120_000, `${afterMs}`);
  });
});

Deno.test("a worker's log is read from its pool, also once it has ended", async () => {
  await withGuarded({}, async ({ root, client, key, pool: open }) => {
    const pool = await open();
    await root.call(routes.loadModel, { params: { ref: "counter" }, body: {} });
    await eventually("it is ready", async () => {
      const { workers } = await root.call(routes.workers, {});
      return workers[0]?.state === "ready" ? workers : undefined;
    });
    pool.logs.set("worker-1", ["loading", "ready"]);
    pool.logs.set("worker-0", ["killed"]);
    const read = (id: string, pool_id?: string) =>
      root.call(routes.workerLog, { params: { id }, query: pool_id ? { pool_id } : {} });
    assert.deepEqual((await read("worker-1")).lines, ["loading", "ready"]);
    assert.deepEqual((await read("worker-0", "p1")).lines, ["killed"]);
    const refused = (code: string, text: RegExp) => (error: unknown) =>
      error instanceof LlorchError && error.code === code && text.test(error.message);
    await assert.rejects(read("worker-0"), refused("NOT_FOUND", /name its pool with pool_id/));
    await assert.rejects(read("worker-9", "p1"), refused("NOT_FOUND", /no such worker/));
    await assert.rejects(read("worker-1", "p9"), refused("NOT_FOUND", /Cannot find pool "p9"/));
    const { secret } = await key({ name: "web site" });
    const call = { params: { id: "worker-1" } };
    await assert.rejects(client(secret).call(routes.workerLog, call), refused("FORBIDDEN", /role/));
    await pool.close();
    await assert.rejects(read("worker-1"), refused("POOL_UNAVAILABLE", /does not answer/));
  });
});

Deno.test("waiting jobs are in the order in which they start", () => {
  const jobs = ["a", "b", "c", "d"].map((job_id, position) => ({ job_id, position }));
  const ordered = inStartOrder(jobs, new Map([["a", 900], ["b", 100], ["d", 100]]));
  assert.deepEqual(ordered.map(({ job_id, position }) => `${position} ${job_id}`), [
    ...["0 b", "1 d", "2 a", "3 c"],
  ]);
});
