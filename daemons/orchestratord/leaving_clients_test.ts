import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { Client } from "#shared/http/client.ts";
import { until } from "../../tests/support/stack.ts";
import { follow, numbers, range, withHarness } from "./testing/harness.ts";

const task = { model: "counter", prompt: "w7", max_tokens: 5 };

/** Reads a job's first event and leaves. */
async function readAndLeave(client: Client, job_id: string): Promise<void> {
  const leave = new AbortController();
  const reader = follow(client, job_id, undefined, leave.signal);
  await reader.next();
  leave.abort();
  await reader.next().catch(() => {});
}

/** Waits until a job without readers is cancelled. */
async function untilCancelled(client: Client, job_id: string): Promise<void> {
  const view = () => client.call(routes.getTask, { params: { id: job_id } });
  await until("cancelled", async () => (await view()).status === "cancelled");
}

Deno.test("a job whose last reader leaves is cancelled after the grace, a detached one is not", async () => {
  await withHarness({ streams: { disconnect_grace_ms: 50 } }, async ({ client, pool, events }) => {
    await events(task);
    pool.only().allow(0);
    const submit = async (detached: boolean) => {
      const { job_id } = await client.call(routes.submit, { body: { ...task, detached } });
      await readAndLeave(client, job_id);
      return job_id;
    };
    const detached = await submit(true);
    // This job's grace ends later, so the grace of the other has passed too.
    await untilCancelled(client, await submit(false));
    pool.only().allow(Infinity);
    assert.deepEqual(numbers(await events(detached)), range(8, 5));
  });
});

Deno.test("a reader that comes back within the grace keeps the job", async () => {
  // On a busy machine it may come back too late, which says nothing: then the grace is doubled.
  let graceMs = 1_000;
  while (!await comesBack(graceMs)) graceMs *= 2;
});

/** Whether a reader came back within the grace; then it kept its job. */
async function comesBack(graceMs: number): Promise<boolean> {
  let isInTime = false;
  const settings = { streams: { disconnect_grace_ms: graceMs } };
  await withHarness(settings, async ({ client, pool, events }) => {
    await events(task);
    pool.only().allow(0);
    const { job_id } = await client.call(routes.submit, { body: task });
    const left = await client.call(routes.submit, { body: task });
    const began = performance.now();
    await readAndLeave(client, job_id);
    const back = follow(client, job_id);
    await back.next();
    isInTime = performance.now() - began < graceMs;
    if (!isInTime) return void await back.return(undefined);
    // This job's reader leaves later and stays away: once it is cancelled, the grace of both has
    // passed.
    await readAndLeave(client, left.job_id);
    await untilCancelled(client, left.job_id);
    pool.only().allow(Infinity);
    assert.deepEqual(numbers(await Array.fromAsync(back)), range(8, 5));
  });
  return isInTime;
}

Deno.test("a chat client that leaves cancels its job at once", async () => {
  await withHarness({}, async ({ url, pool, events }) => {
    await events(task);
    pool.only().allow(1);
    const reply = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        model: "counter",
        stream: true,
        messages: [{ role: "user", content: "w7" }],
      }),
    });
    const reader = reply.body!.getReader();
    await reader.read();
    await reader.cancel();
    await until("the worker got the cancel", () => pool.only().cancelled === 1);
  });
});

Deno.test("a client that leaves while it waits for a whole answer, or in the queue, cancels its job", async () => {
  await withHarness({}, async ({ url, pool, client, events }) => {
    pool.slots = 1;
    await events(task);
    pool.only().allow(1);
    // Longer than a server reads at once.
    const content = "tell me a story ".repeat(2000);
    const ask = (signal: AbortSignal) =>
      fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "counter", messages: [{ role: "user", content }] }),
        signal,
      }).then((reply) => reply.text(), () => {});
    const [running, queued] = [new AbortController(), new AbortController()];
    const depth = async () => (await client.call(routes.queue, {})).depth;
    const one = ask(running.signal);
    await until("it runs", () => pool.only().executions.length === 2);
    const other = ask(queued.signal);
    await until("it waits", async () => await depth() === 1);
    queued.abort();
    await until("it has left the queue", async () => await depth() === 0);
    running.abort();
    await until("the worker got the cancel", () => pool.only().cancelled === 1);
    await Promise.all([one, other]);
  });
});
