import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { until } from "../../tests/support/stack.ts";
import { follow, numbers, range, withHarness } from "./testing/harness.ts";

const task = { model: "counter", prompt: "w7", max_tokens: 5 };

Deno.test("a restart keeps queued jobs in order and continues running ones from their last token", async () => {
  await withHarness({ stop_deadline_ms: 50 }, async (harness) => {
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

Deno.test("a new start knows from earlier jobs how long a job takes", async () => {
  await withHarness({}, async (harness) => {
    harness.pool.slots = 1;
    await harness.events({ ...task, detached: true });
    await harness.restart();
    harness.pool.only().allow(0);
    const { client } = harness;
    await until(
      "the pool is back",
      async () => (await client.call(routes.workers, {})).workers.length === 1,
    );
    await client.call(routes.submit, { body: task });
    const { predicted_start_ms } = await client.call(routes.submit, { body: task });
    assert.ok(predicted_start_ms > 0);
  });
});

Deno.test("a stop releases readers of a stored job without an end, and ends one that is not stored", async () => {
  const settings = { stop_deadline_ms: 50, streams: { disconnect_grace_ms: 1 } };
  await withHarness(settings, async (harness) => {
    const { pool, client, url } = harness;
    await harness.events(task);
    pool.only().allow(2);
    const kept = await client.call(routes.submit, { body: task });
    const keptStream = await fetch(`${url}${kept.events_url}`);
    const chat = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "counter",
        stream: true,
        messages: [{ role: "user", content: "w7" }],
      }),
    });
    const texts = Promise.all([keptStream.text(), chat.text()]);
    await harness.restart();
    const [keptText, chatText] = await texts;
    assert.match(keptText, /: stopping: the job goes on/);
    assert.doesNotMatch(keptText, /event: (end|error)/);
    assert.match(chatText, /"code":"not_ready"[^]*data: \[DONE\]/);
    pool.only().allow(Infinity);
    assert.deepEqual(numbers(await harness.events(kept.job_id)), range(8, 5));
  });
});

Deno.test("a stop takes no new jobs, lets streams end and leaves what waits to the next start", async () => {
  const settings = { stop_deadline_ms: 10_000 };
  await withHarness(settings, async (harness) => {
    const { pool, client } = harness;
    pool.slots = 1;
    await harness.events(task);
    pool.only().allow(2);
    const running = harness.events(task);
    await until("it runs", () => pool.only().executions.length === 2);
    const { job_id } = await client.call(routes.submit, { body: task });
    const restarted = harness.restart();
    await until("orchestratord is stopping", async () => {
      try {
        await client.call(routes.submit, { body: task });
        return false;
      } catch (error) {
        assert.ok(error instanceof LlorchError);
        assert.equal(error.code, "NOT_READY");
        assert.ok((error.retryAfterMs ?? 0) >= 1000);
        return true;
      }
    });
    pool.only().allow(Infinity);
    assert.deepEqual(numbers(await running), range(8, 5), "it ended before the stop did");
    await restarted;
    assert.equal(pool.only().executions.length, 2, "the waiting job was not started");
    assert.deepEqual(numbers(await harness.events(job_id)), range(8, 5));
  });
});
