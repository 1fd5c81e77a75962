import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { follow, numbers, range, withHarness } from "./testing/harness.ts";
import { sharedPostgres } from "./testing/postgres_home.ts";

const postgres = sharedPostgres();

const task = { model: "counter", prompt: "w7", max_tokens: 5 };

postgres.test("on PostgreSQL, a restart keeps queued jobs in order and continues running ones from their last token", async (home) => {
  const store = { url: home.server.url(home.schema) };
  await withHarness({ stop_deadline_ms: 50, store }, async (harness) => {
    const { pool } = harness;
    pool.slots = 1;
    await harness.events(task);
    pool.only().allow(3);
    const running = await harness.client.call(routes.submit, { body: task });
    const queued = await harness.client.call(routes.submit, {
      body: { ...task, prompt: "w100", max_tokens: 2 },
    });
    const before = [];
    for await (const event of follow(harness.client, running.job_id)) {
      if (event.event !== "metrics") before.push(event);
      if (numbers(before).length === 3) break;
    }
    await harness.restart();
    pool.only().allow(Infinity);
    const after = await harness.events(running.job_id, before.at(-1)!.id);
    assert.deepEqual([...numbers(before), ...numbers(after)], range(8, 5));
    assert.deepEqual(numbers(await harness.events(queued.job_id)), [101, 102]);
  });
});

postgres.test("on PostgreSQL, a stream goes on while the server ends every session", async (home) => {
  const store = { url: home.server.url(home.schema) };
  await withHarness({ store }, async (harness) => {
    await harness.events(task);
    harness.pool.only().allow(3);
    const { job_id } = await harness.client.call(routes.submit, { body: task });
    const got = [];
    for await (const event of follow(harness.client, job_id)) {
      if (event.event === "metrics") continue;
      got.push(event);
      if (numbers(got).length !== 3) continue;
      await home.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'llorch%'",
      );
      harness.pool.only().allow(Infinity);
    }
    assert.deepEqual(numbers(got), range(8, 5));
    assert.deepEqual(numbers(await harness.events(job_id)), range(8, 5));
  });
});
