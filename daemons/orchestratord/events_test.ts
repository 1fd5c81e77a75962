import assert from "node:assert/strict";
import {
  orchestratorRoutes as routes,
  type ServiceEvent,
  serviceEvent,
} from "#shared/contracts/mod.ts";
import type { Client } from "#shared/http/client.ts";
import { LlorchError } from "#shared/errors.ts";
import { withGuarded } from "./testing/guarded.ts";
import { withHarness } from "./testing/harness.ts";

const task = { model: "counter", prompt: "w7", max_tokens: 5 };

/** Reads events until one matches; each is checked against the contract. */
async function until(
  client: Client,
  isWanted: (event: ServiceEvent) => boolean,
  lastEventId?: string,
): Promise<{ events: ServiceEvent[]; lastId: string | undefined }> {
  const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
  const leave = new AbortController();
  const { signal } = leave;
  const stream = await client.stream(routes.serviceEvents, { headers }, { signal });
  const events: ServiceEvent[] = [];
  let lastId = lastEventId;
  for await (const { event, data, id } of stream.events) {
    const parsed = serviceEvent.parse({ event, data: JSON.parse(data) });
    lastId = id ?? lastId;
    events.push(parsed);
    if (isWanted(parsed)) break;
  }
  leave.abort();
  return { events, lastId };
}

const messages = (events: readonly ServiceEvent[]) =>
  events.flatMap((each) => "message" in each.data ? [each.data.message] : []);

Deno.test("the feed reports a load, a worker that dies, and the job that continues", async () => {
  await withHarness({}, async ({ client, pool, events }) => {
    await events(task);
    const first = await until(client, ({ event }) => event === "ready");
    assert.match(messages(first.events)[0] ?? "", /^orchestratord .* has started$/);
    assert.match(
      messages(first.events).join("\n"),
      /Loading .*counter on \S+: 1 job waits/,
    );
    const worker = pool.only();
    worker.allow(2);
    const running = events(task);
    while (worker.executions.length < 2) await new Promise((done) => setTimeout(done, 5));
    await pool.kill("worker-1");
    const wanted = new Set(["failover", "exit"]);
    const isLast = ({ event }: ServiceEvent) => wanted.delete(event) && wanted.size === 0;
    const next = await until(client, isLast, first.lastId);
    assert.match(messages(next.events).join("\n"), /Worker worker-1 .*has ended/);
    assert.match(
      messages(next.events).join("\n"),
      /Job job-\S+ continues elsewhere after attempt 1/,
    );
    assert.equal((await running).at(-1)?.event, "end");
  });
});

Deno.test("the feed reports the fleet and the rates", async () => {
  await withHarness({}, async ({ client, events }) => {
    await events(task);
    const { events: received } = await until(
      client,
      ({ event, data }) => event === "rates" && data.ended === 1,
    );
    const fleet = received.findLast((each) => each.event === "fleet");
    assert.deepEqual(fleet?.data.pools.map(({ pool_id }) => pool_id), ["p1"]);
    assert.equal(fleet?.data.workers[0]?.state, "ready");
    assert.ok(fleet?.data.workers[0]?.ready_at);
    assert.ok(!JSON.stringify(received).includes("worker-token"));
  });
});

Deno.test("an API key sees what befell its own jobs only", async () => {
  await withGuarded({}, async (guarded) => {
    const pool = await guarded.pool();
    const [mine, other] = [
      guarded.client((await guarded.key({ name: "mine" })).secret),
      guarded.client((await guarded.key({ name: "other" })).secret),
    ];
    const operator = guarded.client((await guarded.key({ name: "op", role: "operator" })).secret);
    await mine.call(routes.submit, { body: task });
    await until(mine, ({ event }) => event === "ready");
    pool.only().failWith = new LlorchError("CONTEXT_LENGTH_EXCEEDED", "too long");
    const { job_id } = await mine.call(routes.submit, { body: task });
    const isIt = ({ event }: ServiceEvent) => event === "job_failed";
    for (const client of [mine, operator]) {
      const { events } = await until(client, isIt);
      assert.match(messages(events).at(-1) ?? "", new RegExp(`Job ${job_id} failed: .*too long`));
    }
    const { events } = await until(other, ({ event, data }) => event === "rates" && data.ended > 1);
    assert.ok(!messages(events).join().includes(job_id));
  });
});

Deno.test("open feeds do not delay the end of the daemon", async () => {
  await withHarness({}, async (harness) => {
    const { events } = await harness.client.stream(routes.serviceEvents, {});
    const ended = (async () => {
      for await (const _ of events);
    })();
    await harness.restart();
    await ended.catch(() => {});
    const { events: received } = await until(harness.client, ({ event }) => event === "fleet");
    assert.equal(received.filter(({ event }) => event === "started").length, 1);
  });
});
