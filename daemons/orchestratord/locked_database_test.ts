import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { holdDatabase, longestStall, WRITES } from "../../tests/support/locked_database.ts";
import { until } from "../../tests/support/stack.ts";
import { databasePath } from "./config.ts";
import type { FakeWorker } from "./testing/fake_worker.ts";
import { follow, type Harness, numbers, range, withHarness } from "./testing/harness.ts";

/** Runs a call that is not stored until it ends. */
async function complete({ url }: Harness, tokens: number): Promise<void> {
  const reply = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "counter", prompt: "w0", max_tokens: tokens }),
  });
  assert.equal((await reply.json()).usage?.completion_tokens, tokens);
}

/**
 * Runs a test with a loaded worker that has completed a job and may send three tokens of the next.
 */
async function withLoaded(
  test: (harness: Harness, database: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await withHarness({ state_dir: dir }, async (harness) => {
      await harness.client.call(routes.loadModel, { params: { ref: "counter" } });
      await complete(harness, 1);
      harness.pool.only().allow(3);
      await test(harness, databasePath(dir));
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("while another program locks the database, what needs no write goes on and the rest waits", () =>
  withLoaded(async (harness, database) => {
    const { pool, client } = harness;
    const task = { model: "counter", prompt: "w0", max_tokens: 50 };

    const received = [];
    const later = { ...task, detached: true };
    let submitted;
    for await (const event of follow(client, task)) {
      received.push(event);
      if (event.event !== "token" || numbers(received).length !== 3) continue;
      const holder = await holdDatabase(database, WRITES);
      try {
        const stall = await longestStall(async () => {
          pool.only().allow(Infinity);
          submitted = client.call(routes.submit, { body: later });
          for (let n = 0; n < 20; n++) {
            await client.call(routes.health, {});
            await complete(harness, 5);
            await client.call(routes.listTasks, {});
          }
        });
        // A blocking write would stop the event loop for the five seconds of SQLite's busy timeout.
        assert.ok(stall < 1_000, `the event loop was blocked for ${stall} ms`);
        assert.equal(numbers(received).length, 3);
      } finally {
        await holder.release();
      }
    }
    assert.deepEqual(numbers(received), range(1, 50));
    assert.equal(received.at(-1)?.event, "end");
    const { job_id } = await submitted!;
    assert.equal((await harness.events(job_id)).at(-1)?.event, "end");
  }));

Deno.test("a job whose end waits to be written has left its worker, and does not run again when that dies", () =>
  withLoaded(async (harness, database) => {
    const { pool, client } = harness;
    // The number of events that may wait to be written, then the end, which blocks the worker's
    // stream.
    const task = { model: "counter", prompt: "w0", max_tokens: 3 + 256 };
    const completed = async () => {
      const metrics = await (await fetch(`${harness.url}/metrics`)).text();
      return Number(/jobs_ended_total\{outcome="completed"\} (\d+)/.exec(metrics)?.[1]);
    };
    const received = [];
    const workers: { readonly worker: FakeWorker }[] = [];
    for await (const event of follow(client, task)) {
      received.push(event);
      if (event.event !== "token" || numbers(received).length !== 3) continue;
      const holder = await holdDatabase(database, WRITES);
      try {
        pool.only().allow(Infinity);
        await until("its end is read", async () => await completed() === 2);
        // The pool's next report does not have the worker; its connection stays open.
        workers.push(...pool.workers.values());
        pool.workers.clear();
        await pool.report();
        assert.equal(received.at(-1)?.event, "token");
      } finally {
        await holder.release();
      }
    }
    assert.equal(received.at(-1)?.event, "end");
    // No other worker was loaded for it.
    assert.equal(pool.spawns, 1);
    for (const { worker } of workers) await worker.close();
  }));
