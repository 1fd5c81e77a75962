import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { ERROR_CODES } from "#shared/errors.ts";
import { assertDocumented } from "../../tests/contract/contract.ts";
import { configSchema } from "./config.ts";
import { withHarness } from "./testing/harness.ts";
import { OpenStreams } from "./open_streams.ts";

const config = configSchema.parse({ streams: { max_open: 2 } });
const never = new AbortController().signal;

Deno.test("OpenStreams has a limited number of places, and each is free again when its stream ends", async () => {
  const open = new OpenStreams(config);
  const closes: (() => void)[] = [];
  const take = (signal: AbortSignal = never) =>
    open.place(signal, (close) => Promise.resolve(void closes.push(close)));
  await take();
  await take();
  await assert.rejects(take(), { code: "NOT_READY", retryAfterMs: 1000 });
  closes[0]!();
  closes[0]!();
  await take();
  await assert.rejects(take(), { code: "NOT_READY" });
});

Deno.test("OpenStreams leaves a quarter of the connections to pools and short calls", async () => {
  const open = new OpenStreams(configSchema.parse({}), () => 8);
  const leave = Promise.withResolvers<void>();
  const answers = [1, 2, 3].map(() => open.wait(() => leave.promise));
  const closes: (() => void)[] = [];
  const stream = () => open.place(never, (close) => Promise.resolve(void closes.push(close)));
  for (let n = 0; n < 3; n++) await stream();
  await assert.rejects(stream(), /the other connections are reserved for pools/);
  await assert.rejects(open.wait(() => leave.promise), { code: "NOT_READY", retryAfterMs: 1000 });
  leave.resolve();
  await Promise.all(answers);
  await stream();
});

Deno.test("a place is free again when its stream cannot be opened, or the client has left", async () => {
  const open = new OpenStreams(config);
  const fail = () => open.place(never, () => Promise.reject(new Error("no such job")));
  for (let i = 0; i < 5; i++) await assert.rejects(fail(), /no such job/);
  for (let i = 0; i < 5; i++) {
    const client = new AbortController();
    await open.place(client.signal, () => Promise.resolve(client.abort()));
    await open.place(client.signal, () => Promise.resolve());
  }
});

Deno.test("a stream beyond the limit is answered 503 with Retry-After, and starts no job", async () => {
  await withHarness({ streams: { max_open: 1 } }, async ({ url, client, pool, events }) => {
    const body = JSON.stringify({ model: "counter", prompt: "w7", max_tokens: 5 });
    const post = () =>
      fetch(`${url}/v2/tasks`, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "text/event-stream" },
        body,
      });
    await events({ model: "counter", prompt: "w7", max_tokens: 5 });
    pool.only().allow(0);
    const first = await post();
    const second = await post();
    assert.equal(second.status, ERROR_CODES.NOT_READY.status);
    assert.equal(second.headers.get("retry-after"), "1");
    assertDocumented(routes.submit, second);
    await second.body?.cancel();
    const { tasks: [ended] } = await client.call(routes.listTasks, {
      query: { status: "completed" },
    });
    const third = await fetch(`${url}/v2/tasks/${ended!.job_id}/events`);
    assert.equal(third.status, ERROR_CODES.NOT_READY.status);
    assertDocumented(routes.taskEvents, third);
    await third.body?.cancel();
    const { tasks } = await (await fetch(`${url}/v2/tasks`)).json();
    assert.equal(tasks.length, 2);
    pool.only().allow(Infinity);
    assert.match(await first.text(), /event: end/);
    assertDocumented(routes.submit, first);
    const fourth = await post();
    assert.match(await fourth.text(), /event: end/);
  });
});
