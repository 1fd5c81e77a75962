import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { until } from "../../../tests/support/stack.ts";
import { numbers, range, withHarness } from "../testing/harness.ts";

const task = { model: "counter", prompt: "w7", max_tokens: 5, temperature: 0 };

Deno.test("a drained pool is drained over a restart of orchestratord, until it is taken back", async () => {
  await withHarness({}, async (harness) => {
    const { pool } = harness;
    const params = { id: "p1" };
    const status = async () => (await harness.client.call(routes.pools, {})).pools[0]?.status;
    await harness.events(task);
    await harness.client.call(routes.drainPool, { params, body: { deadline_ms: 1000 } });
    await until("its worker has ended", async () => await status() === "drained");
    await assert.rejects(harness.client.call(routes.ready, {}), { code: "NOT_READY" });
    const { job_id } = await harness.client.call(routes.submit, { body: task });

    await harness.restart();
    await pool.register();
    assert.equal(await status(), "drained");
    const { jobs } = await harness.client.call(routes.queue, {});
    assert.deepEqual(jobs.map((job) => [job.job_id, job.reason]), [
      [job_id, "every pool that has the model is drained or cannot be reached"],
    ]);
    assert.equal(pool.spawns, 1, "nothing was started for it");

    await harness.client.call(routes.undrainPool, { params });
    assert.deepEqual(numbers(await harness.events(job_id)), range(8, 5));
    assert.equal(await status(), "available");
  });
});
