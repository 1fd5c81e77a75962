import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { assertDocumented } from "../../tests/contract/contract.ts";
import { until } from "../../tests/support/stack.ts";
import { follow, numbers, range, withHarness } from "./testing/harness.ts";

const task = { model: "counter", prompt: "w7", max_tokens: 5 };

Deno.test("a task is streamed as queued, started, tokens, end, with ids one after the other", async () => {
  await withHarness({}, async ({ events, pool }) => {
    const received = (await events(task)).filter((each) => each.event !== "metrics");
    assert.deepEqual(received.map((each) => each.event), [
      "queued",
      "started",
      ...range(0, 5).map(() => "token"),
      "end",
    ]);
    assert.deepEqual(received.map((each) => each.id), range(1, 8));
    assert.deepEqual(numbers(received), range(8, 5));
    assert.equal(pool.spawns, 1);
  });
});

Deno.test("a 202 reply has all that is needed to follow the job, whose state can be read later", async () => {
  await withHarness({}, async ({ client, events }) => {
    const accepted = await client.call(routes.submit, { body: task });
    assert.equal(accepted.events_url, `/v2/tasks/${accepted.job_id}/events`);
    assert.deepEqual(numbers(await events(accepted.job_id)), range(8, 5));
    const job = await client.call(routes.getTask, { params: { id: accepted.job_id } });
    assert.equal(job.status, "completed");
    assert.equal(job.output, " w8 w9 w10 w11 w12");
    assert.deepEqual(job.usage, { tokens_in: 1, tokens_cached: 0, tokens_out: 5 });
    assert.equal(job.stop_reason, "MAX_TOKENS");
    assert.equal(job.attempts.length, 1);
    const { tasks } = await client.call(routes.listTasks, {});
    assert.deepEqual(tasks.map((each) => each.job_id), [accepted.job_id]);
  });
});

Deno.test("Last-Event-ID resumes exactly after that event, live and after the end", async () => {
  await withHarness({}, async ({ client, events, pool }) => {
    await events(task);
    pool.only().allow(3);
    const { job_id } = await client.call(routes.submit, { body: task });
    const first = [];
    for await (const event of follow(client, job_id)) {
      if (event.event !== "metrics") first.push(event);
      if (numbers(first).length === 3) break;
    }
    pool.only().allow(Infinity);
    const rest = await events(job_id, first.at(-1)!.id);
    assert.deepEqual([...numbers(first), ...numbers(rest)], range(8, 5));
    assert.deepEqual(numbers(await events(job_id, 4)), [10, 11, 12]);
    assert.deepEqual(await events(job_id, 8), []);
  });
});

Deno.test("a model's reasoning is streamed, kept and replayed on its own channel", async () => {
  await withHarness({}, async (harness) => {
    const { events, pool } = harness;
    await events(task);
    // A newer worker may send fields that this version does not know.
    pool.only().tokenFields = { channel: "reasoning", of_tomorrow: 1 };
    const live = await events(task);
    const channels = live.flatMap((each) => each.event === "token" ? [each.data.channel] : []);
    assert.deepEqual(channels, range(0, 5).map(() => "reasoning"));
    const jobId = live.flatMap((each) => each.event === "queued" ? [each.data.job_id] : [])[0]!;
    const withoutMetrics = live.filter((each) => each.event !== "metrics");
    assert.deepEqual(await events(jobId), withoutMetrics);
    await harness.restart();
    assert.deepEqual(await harness.events(jobId), withoutMetrics);
  });
});

Deno.test("a request for events after the end of a job is answered 204, live and kept", async () => {
  await withHarness({}, async (harness) => {
    const { client, events } = harness;
    const { job_id } = await client.call(routes.submit, { body: task });
    const last = (await events(job_id)).at(-1)!.id!;
    const ask = async (after: number) => {
      const reply = await fetch(`${harness.url}/v2/tasks/${job_id}/events`, {
        headers: { "last-event-id": String(after) },
      });
      assertDocumented(routes.taskEvents, reply);
      return [reply.status, await reply.text()] as const;
    };
    const check = async () => {
      assert.deepEqual(await ask(last), [204, ""]);
      assert.deepEqual(await ask(last + 1), [204, ""]);
      const [status, text] = await ask(last - 1);
      assert.equal(status, 200);
      assert.match(text, /event: end/);
      assert.doesNotMatch(text, /the job goes on/);
    };
    await check();
    await harness.restart();
    await check();
  });
});

Deno.test("a stream opened past a running job's last event gets no comment that the job goes on once it has ended", async () => {
  await withHarness({}, async ({ client, events, pool, url }) => {
    await events(task);
    pool.only().allow(2);
    const { job_id } = await client.call(routes.submit, { body: task });
    const ahead = await fetch(`${url}/v2/tasks/${job_id}/events`, {
      headers: { "last-event-id": "999" },
    });
    assert.equal(ahead.status, 200);
    pool.only().allow(Infinity);
    assert.doesNotMatch(await ahead.text(), /the job goes on/);
  });
});

Deno.test("a worker that dies in mid-stream is replaced and no token is lost or doubled", async () => {
  await withHarness({}, async ({ client, pool, events }) => {
    await events(task);
    // It cannot generate all tokens before it dies.
    pool.only().allow(25);
    const received = [];
    let killed = false;
    for await (const event of follow(client, { ...task, max_tokens: 50 })) {
      received.push(event);
      if (numbers(received).length < 20 || killed) continue;
      killed = true;
      await pool.kill("worker-1");
    }
    assert.deepEqual(numbers(received), range(8, 50));
    const started = received.filter((each) => each.event === "started");
    assert.equal(started.length, 1);
    assert.equal(received.at(-1)?.event, "end");
    const id = started[0]?.event === "started" ? started[0].data.job_id : "";
    const job = await client.call(routes.getTask, { params: { id } });
    assert.equal(job.attempts.length, 2);
    assert.ok(job.attempts[0]?.reason);
  });
});

Deno.test("a silent worker is stopped after the stall time, and another goes on", async () => {
  // The stall time is long enough for two tokens on a busy machine.
  await withHarness({ failover: { stall_ms: 5_000 } }, async ({ client, pool, events }) => {
    await events(task);
    const silent = pool.only();
    silent.allow(2);
    const { job_id } = await client.call(routes.submit, { body: task });
    assert.deepEqual(numbers(await events(job_id)), range(8, 5));
    assert.equal(pool.spawns, 2);
    assert.notEqual(pool.only(), silent, "the silent one was stopped");
    const [attempt] = pool.only().executions;
    assert.deepEqual(attempt?.resume_tokens, [8, 9]);
    assert.equal(attempt?.resume_index, 2);
  });
});

Deno.test("an error that another try would repeat ends the job at once", async () => {
  await withHarness({}, async ({ events, pool }) => {
    await events(task);
    pool.only().failWith = new LlorchError("CONTEXT_LENGTH_EXCEEDED", "too long");
    const last = (await events(task)).at(-1);
    assert.equal(last?.event === "error" && last.data.code, "CONTEXT_LENGTH_EXCEEDED");
    assert.equal(pool.only().executions.length, 2);
  });
});

Deno.test("a retriable error is retried as often as configured, then ends the job", async () => {
  const failover = { max_attempts: 3, backoff_first_ms: 1 };
  await withHarness({ failover }, async ({ events, pool }) => {
    await events(task);
    pool.only().failWith = new LlorchError("NOT_READY", "draining");
    const received = await events(task);
    assert.equal(received.filter((each) => each.event === "error").length, 1);
    const last = received.at(-1);
    assert.equal(last?.event === "error" && last.data.code, "WORKER_LOST");
    assert.equal(pool.only().executions.length, 1 + 3);
  });
});

Deno.test("cancel ends a running job once and frees the worker; again changes nothing", async () => {
  await withHarness({}, async ({ client, events, pool }) => {
    await events(task);
    pool.only().allow(2);
    const { job_id } = await client.call(routes.submit, { body: task });
    await until("two executions", () => pool.only().executions.length === 2);
    for (let times = 0; times < 3; times++) {
      await client.call(routes.cancelTask, { params: { id: job_id } });
    }
    const received = await events(job_id);
    const last = received.at(-1);
    assert.equal(last?.event === "error" && last.data.code, "CANCELLED");
    assert.equal(received.filter((each) => each.event === "error").length, 1);
    await until("the worker got the cancel", () => pool.only().cancelled === 1);
    const job = await client.call(routes.getTask, { params: { id: job_id } });
    assert.equal(job.status, "cancelled");
  });
});

Deno.test("the queue lists what runs and where, including calls that are not stored", async () => {
  await withHarness({}, async ({ url, client, events, pool }) => {
    await events(task);
    pool.only().allow(2);
    const { job_id } = await client.call(routes.submit, { body: { ...task, priority: "batch" } });
    const running = async () => (await client.call(routes.queue, {})).running;
    await until("the job has tokens", async () => (await running())[0]?.tokens_out === 2);
    const chat = fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "counter", messages: [{ role: "user", content: "w7" }] }),
    });
    await until("both run", async () => (await running()).length === 2);
    const [kept, call] = await running();
    const { worker_id, pool_id } = (await client.call(routes.workers, {})).workers[0]!;
    for (const each of [kept!, call!]) {
      assert.deepEqual([each.worker_id, each.pool_id, each.attempt], [worker_id, pool_id, 1]);
      assert.ok(each.running_ms >= 0 && each.running_ms < 60_000);
    }
    assert.deepEqual([kept?.job_id, kept?.priority, kept?.durable], [job_id, "batch", true]);
    assert.deepEqual([call?.priority, call?.durable, call?.tokens_out], ["interactive", false, 0]);
    for (const { job_id: id } of await running()) {
      await client.call(routes.deleteTask, { params: { id } });
    }
    await until("nothing runs", async () => (await running()).length === 0);
    await (await chat).body?.cancel();
  });
});

Deno.test("DELETE cancels a queued job and it leaves the queue", async () => {
  await withHarness({}, async ({ client, pool, events }) => {
    pool.holdLoads = true;
    const { job_id } = await client.call(routes.submit, { body: task });
    assert.equal((await client.call(routes.queue, {})).depth, 1);
    await client.call(routes.deleteTask, { params: { id: job_id } });
    assert.equal((await client.call(routes.queue, {})).depth, 0);
    assert.equal((await events(job_id)).at(-1)?.event, "error");
    await pool.ready();
    assert.equal(pool.only().executions.length, 0);
  });
});

Deno.test("the same idempotency key and body is the same job; another body is a conflict", async () => {
  await withHarness({}, async ({ client }) => {
    const headers = { "idempotency-key": "order-1" };
    const answers = await Promise.all(
      range(0, 5).map(() => client.call(routes.submit, { body: task, headers })),
    );
    assert.equal(new Set(answers.map((each) => each.job_id)).size, 1);
    assert.equal((await client.call(routes.listTasks, {})).tasks.length, 1);
    await assert.rejects(
      client.call(routes.submit, { body: { ...task, max_tokens: 6 }, headers }),
      { code: "CONFLICT" },
    );
  });
});

Deno.test("a repeated submission returns the job's current state, while it waits and afterwards", async () => {
  await withHarness({}, async ({ client, pool, events }) => {
    pool.slots = 1;
    await events(task);
    pool.only().allow(0);
    const submit = (key: string) =>
      client.call(routes.submit, { body: task, headers: { "idempotency-key": key } });
    await submit("running");
    const first = await submit("first");
    const second = await submit("second");
    const later = await submit("later");
    assert.deepEqual([first, second, later].map((each) => each.queue_position), [0, 1, 2]);
    const again = await submit("second");
    assert.equal(again.job_id, second.job_id);
    assert.equal(again.queue_position, 1);
    assert.ok(again.predicted_start_ms > 0);

    await client.call(routes.cancelTask, { params: { id: first.job_id } });
    assert.equal((await submit("second")).queue_position, 0);
    assert.equal((await submit("later")).queue_position, 1);
    pool.only().allow(Infinity);
    await events(later.job_id);
    const ended = await submit("later");
    assert.deepEqual([ended.queue_position, ended.predicted_start_ms], [0, 0]);
    assert.equal(ended.status, "completed");
  });
});

Deno.test("a full queue answers 429 with Retry-After, and accepts jobs again later", async () => {
  await withHarness({ queue: { capacity: 2 } }, async ({ client, pool, events, url }) => {
    pool.holdLoads = true;
    const first = await client.call(routes.submit, { body: task });
    await client.call(routes.submit, { body: task });
    const refused = await fetch(`${url}/v2/tasks`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(task),
    });
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers.get("retry-after")) >= 1);
    assert.equal((await refused.json()).error.code, "QUEUE_FULL");
    await pool.ready();
    await events(first.job_id);
    assert.deepEqual(numbers(await events(task)), range(8, 5));
  });
});

Deno.test("output is erased after it was read to its end, and then 410", async () => {
  const retention = { content_ms: 1, sweep_ms: 10 };
  await withHarness({ retention }, async ({ client, url, events }) => {
    const { job_id } = await client.call(routes.submit, {
      body: task,
      headers: { "idempotency-key": "once" },
    });
    await events(job_id);
    const status = async () => {
      const reply = await fetch(`${url}/v2/tasks/${job_id}/events`);
      await reply.body?.cancel();
      return reply.status;
    };
    await until("410", async () => await status() === 410);
    const again = { body: task, headers: { "idempotency-key": "once" } };
    await assert.rejects(client.stream(routes.submit, again), { code: "CONTENT_EXPIRED" });
    const job = await client.call(routes.getTask, { params: { id: job_id } });
    assert.equal(job.output, undefined);
    assert.equal(job.status, "completed");
  });
});

Deno.test("an unknown model is 404 with the command that downloads it, a prompt too long is 400", async () => {
  await withHarness({}, async ({ client, events }) => {
    await assert.rejects(
      client.call(routes.submit, { body: { ...task, model: "nope" } }),
      (error: LlorchError) =>
        error.code === "MODEL_NOT_FOUND" && error.message.includes("llorch models download nope") &&
        error.message.includes("counter"),
    );
    await events(task);
    await assert.rejects(
      client.call(routes.submit, { body: { ...task, prompt: "w ".repeat(2000) } }),
      { code: "CONTEXT_LENGTH_EXCEEDED" },
    );
  });
});

Deno.test("of two pools that register one id at the same time, one is refused", async () => {
  await withHarness({}, async ({ client, pool }) => {
    const twins = ["a", "b"].map((id, index) => ({
      ...pool.state(),
      pool_id: "new",
      instance_id: id,
      endpoint: `http://127.0.0.1:${index + 1}`,
    }));
    const results = await Promise.allSettled(
      twins.map((body) => client.call(routes.registerPool, { body })),
    );
    assert.deepEqual(results.map((each) => each.status).sort(), ["fulfilled", "rejected"]);
  });
});

Deno.test("a report that comes after a later one changes nothing", async () => {
  await withHarness({}, async ({ client, pool }) => {
    const { models: _, ...state } = pool.state();
    const report = (sequence: number, free_bytes: number) =>
      client.call(routes.heartbeat, {
        params: { id: state.pool_id },
        body: { ...state, sequence, devices: [{ ...state.devices[0]!, free_bytes }] },
      });
    await report(1_000, 5e9);
    const late = await report(999, 1e9);
    assert.deepEqual([late.acknowledged, late.known], [[], []]);
    const free = async () =>
      (await client.call(routes.pools, {})).pools.map(({ devices }) => devices[0]?.free_bytes);
    assert.deepEqual(await free(), [5e9]);
    // A restarted pool manager counts from one again.
    await client.call(routes.registerPool, {
      body: { ...pool.state(), instance_id: "i2", sequence: 1 },
    });
    assert.deepEqual(await free(), [1e10]);
  });
});

Deno.test("a second pool with the same id at another endpoint is refused", async () => {
  await withHarness({}, async ({ client, pool }) => {
    const twin = { ...pool.state(), instance_id: "i2", endpoint: "http://127.0.0.1:1" };
    await assert.rejects(client.call(routes.registerPool, { body: twin }), { code: "CONFLICT" });
    const { models: _, ...state } = pool.state();
    await assert.rejects(
      client.call(routes.heartbeat, {
        params: { id: "p1" },
        body: { ...state, instance_id: "i2", sequence: 1 },
      }),
      { code: "NOT_FOUND" },
    );
  });
});
