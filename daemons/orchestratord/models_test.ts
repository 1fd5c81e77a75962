import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { until } from "../../tests/support/stack.ts";
import { follow, type Harness, numbers, range, withHarness } from "./testing/harness.ts";

const ref = { params: { ref: "counter" } };
const task = { model: "counter", prompt: "w7", max_tokens: 3 };

async function model({ client }: Harness) {
  return (await client.call(routes.models, {})).models[0]!;
}

function refused(code: string, message: RegExp) {
  return (error: unknown) =>
    error instanceof LlorchError && error.code === code && message.test(error.message);
}

Deno.test("load loads a model before any job needs it, unload stops it", async () => {
  await withHarness({}, async (harness) => {
    const { client, pool } = harness;
    await client.call(routes.loadModel, { ...ref, body: { pool_id: "p1", device: "cpu" } });
    await until("the model is loaded", async () => (await model(harness)).loaded);
    await client.call(routes.unloadModel, ref);
    await until("the model is unloaded", async () => !(await model(harness)).loaded);
    assert.equal(pool.workers.size, 0);
    assert.equal(pool.spawns, 1);
    await assert.rejects(
      client.call(routes.unloadModel, ref),
      refused("CONFLICT", /Cannot unload counter: it is not loaded; GET/),
    );
    const load = (device: string) => client.call(routes.loadModel, { ...ref, body: { device } });
    await assert.rejects(
      load("cuda1"),
      refused("NOT_FOUND", /Cannot find device "cuda1".*: there are cpu/),
    );
    await assert.rejects(
      load("cpu.cuda1"),
      refused(
        "NOT_FOUND",
        /Cannot use "cpu\.cuda1".*: a pool has no device "cuda1"; there are cpu/,
      ),
    );
  });
});

Deno.test("unload lets a stream end, and the next job loads the model again", async () => {
  await withHarness({}, async (harness) => {
    const { client, pool } = harness;
    await harness.events(task);
    pool.only().allow(1);
    const stream = follow(client, task);
    const first = [];
    for await (const event of stream) {
      first.push(event);
      if (event.event === "token") break;
    }
    const { job_id } = first.find((each) => each.event === "started")!.data as { job_id: string };
    await client.call(routes.unloadModel, ref);
    const { workers } = await client.call(routes.workers, {});
    assert.equal(workers[0]?.state, "draining");
    pool.only().allow(Infinity);
    assert.deepEqual(numbers(await harness.events(job_id)), range(8, 3));
    await until("the model is unloaded", () => pool.workers.size === 0);
    assert.deepEqual(numbers(await harness.events(task)), range(8, 3));
    assert.equal(pool.spawns, 2);
  });
});

Deno.test("a pin shows, survives a restart, and forbids unload until it is taken back", async () => {
  await withHarness({}, async (harness) => {
    await harness.events(task);
    await harness.client.call(routes.pinModel, ref);
    await harness.restart();
    await until("the pool is back", async () => (await model(harness))?.pinned === true);
    const { workers } = await harness.client.call(routes.workers, {});
    assert.equal(workers[0]?.pinned, true);
    await assert.rejects(
      harness.client.call(routes.unloadModel, ref),
      refused("CONFLICT", /pinned; unpin/),
    );
    await assert.rejects(
      harness.client.call(routes.unpinModel, { ...ref, body: { device: "cpu" } }),
      refused("CONFLICT", /not pinned on device cpu; it is pinned anywhere/),
    );
    await harness.client.call(routes.unpinModel, ref);
    await harness.client.call(routes.unloadModel, ref);
    await until("the model is unloaded", async () => !(await model(harness)).loaded);
  });
});

Deno.test("an idle model is stopped after its time, and a model to preload is loaded at once", async () => {
  const models = { preload: ["counter"], idle_ttl_of: ["counter=150"] };
  await withHarness({ models }, async (harness) => {
    await until("the model is preloaded", async () => (await model(harness)).loaded);
    await until("the idle worker is stopped", () => harness.pool.workers.size === 0);
    assert.equal(harness.pool.spawns, 1);
    assert.deepEqual(numbers(await harness.events(task)), range(8, 3));
  });
});

Deno.test("load says why it waits while no pool can take the model, and loads once one can", async () => {
  await withHarness({}, async (harness) => {
    const { client } = harness;
    const pool = { params: { id: "p1" } };
    await client.call(routes.drainPool, { ...pool, body: {} });
    const reply = await client.call(routes.loadModel, ref);
    assert.match(reply.waits ?? "", /^every pool that has the model is drained/);
    await client.call(routes.undrainPool, pool);
    await until("the model is loaded", async () => (await model(harness)).loaded);
    assert.equal((await client.call(routes.loadModel, ref)).waits, undefined);
  });
});
