import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { workerReady } from "#shared/contracts/pool.ts";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { LlorchError } from "#shared/errors.ts";
import { type Client, createClient } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";
import { VERSION } from "#shared/version.ts";
import { FakeEngine, type FakeEngineOptions } from "./testing/fake_engine.ts";
import { request } from "./testing/generator.ts";
import { openWorker, testConfig, TOKEN, whenReady } from "./testing/worker.ts";
import type { Worker } from "./worker.ts";

const codeIs = (code: string) => (error: unknown) =>
  error instanceof LlorchError && error.code === code;

async function using(
  engineOptions: FakeEngineOptions,
  fields: Record<string, unknown>,
  work: (opened: Awaited<ReturnType<typeof openWorker>> & { engine: FakeEngine }) => Promise<void>,
): Promise<void> {
  const engine = new FakeEngine(engineOptions);
  const opened = await openWorker(() => Promise.resolve(engine), {
    stop_deadline_ms: 100,
    ...fields,
  });
  try {
    await work({ ...opened, engine });
  } finally {
    await opened.worker.close();
    assert.equal(engine.disposed, true);
  }
}

/** A pool manager that answers each ready callback with the next of `replies`. */
function fakePool(replies: readonly number[]) {
  const bodies: unknown[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    bodies.push(await request.json());
    const status = replies[bodies.length - 1] ?? 202;
    const code = { 403: "FORBIDDEN", 409: "CONFLICT", 503: "NOT_READY" }[status];
    const error = { code, message: "no", retriable: status === 503, correlation_id: "c" };
    return Response.json(status === 202 ? { status: "accepted" } : { error }, { status });
  });
  return { url: `http://127.0.0.1:${server.addr.port}`, bodies, server };
}

Deno.test("a worker listens before its model is loaded, and takes requests after", async () => {
  const loaded = Promise.withResolvers<FakeEngine>();
  const loads = Promise.withResolvers<void>();
  const { worker, client } = await openWorker(({ onProgress }) => {
    onProgress(0.5);
    loads.resolve();
    return loaded.promise;
  });
  await loads.promise;
  const health = await client.call(workerRoutes.health, {});
  assert.deepEqual([health.state, health.load_progress], ["loading", 0.5]);
  await assert.rejects(client.call(workerRoutes.ready, {}), codeIs("NOT_READY"));
  await assert.rejects(
    client.stream(workerRoutes.execute, { body: request() }),
    codeIs("NOT_READY"),
  );
  loaded.resolve(new FakeEngine());
  await whenReady(client);
  assert.deepEqual(await client.call(workerRoutes.ready, {}), { status: "ready" });
  await worker.close();
});

Deno.test("every route but /health needs the token", () =>
  using({}, {}, async ({ worker }) => {
    const stranger = createClient({ baseUrl: worker.url });
    assert.equal((await stranger.call(workerRoutes.health, {})).version, VERSION);
    await assert.rejects(stranger.call(workerRoutes.ready, {}), codeIs("UNAUTHORIZED"));
    await assert.rejects(
      stranger.stream(workerRoutes.execute, { body: request() }),
      codeIs("UNAUTHORIZED"),
    );
  }));

Deno.test("the ready callback is repeated unchanged until it is answered", async () => {
  const pool = fakePool([503, 503, 202]);
  await using({}, { callback_url: pool.url, worker_id: "w7" }, async ({ worker }) => {
    while (pool.bodies.length < 3) await delay(10);
    assert.deepEqual(pool.bodies[0], pool.bodies[2]);
    const body = workerReady.parse(pool.bodies[0]);
    assert.deepEqual([body.worker_id, body.uri, body.spawn_token], [
      "w7",
      worker.url,
      "spawn-token",
    ]);
  });
  await pool.server.shutdown();
});

for (const status of [403, 409]) {
  Deno.test(`a ready callback refused with ${status} ends the worker with exit code 1`, async () => {
    const pool = fakePool([status]);
    await using({}, { callback_url: `${pool.url}/workers/ready` }, async ({ worker }) => {
      assert.equal(await worker.ended, 1);
      assert.equal(pool.bodies.length, 1);
    });
    await pool.server.shutdown();
  });
}

Deno.test("a ready callback that is not answered in time ends the worker with exit code 1", async () => {
  const fields = { callback_url: "http://127.0.0.1:9", callback: { deadline_ms: 300 } };
  await using({}, fields, async ({ worker }) => assert.equal(await worker.ended, 1));
});

Deno.test("a worker that cannot load ends with exit code 1", async () => {
  const { worker } = await openWorker(() => Promise.reject(new Error("no such model")));
  assert.equal(await worker.ended, 1);
  await worker.close();
});

Deno.test("/execute streams, /cancel ends it, and both are counted", () =>
  using({ next: () => 0x61, stepMs: 1 }, {}, async ({ client }) => {
    await whenReady(client);
    const { events } = await client.stream(workerRoutes.execute, {
      body: request({ job_id: "j" }),
    });
    assert.equal((await events.next()).value?.event, "started");
    const cancelled = await client.call(workerRoutes.cancel, { body: { job_id: "j", attempt: 1 } });
    assert.deepEqual(cancelled, { status: "accepted" });
    const rest = await Array.fromAsync(events);
    assert.match(rest.at(-1)?.data ?? "", /CANCELLED/);
    await client.call(workerRoutes.cancel, { body: { job_id: "unknown", attempt: 1 } });
    const metrics = await client.text(workerRoutes.metrics, {});
    assert.match(metrics, /worker_requests_total\{outcome="cancelled"\} 1/);
  }));

Deno.test("closing the reply of /execute is a cancel", () =>
  using({ next: () => 0x61, stepMs: 1 }, {}, async ({ client }) => {
    await whenReady(client);
    const { events } = await client.stream(workerRoutes.execute, { body: request() });
    await events.next();
    await events.return(undefined);
    while ((await client.call(workerRoutes.health, {})).active > 0) await delay(5);
  }));

Deno.test("/tokenize gives the tokens that /execute would use", () =>
  using({}, {}, async ({ client }) => {
    await whenReady(client);
    const plain = await client.call(workerRoutes.tokenize, { body: { prompt: "ab" } });
    assert.deepEqual(plain, { tokens: [0x61, 0x62], count: 2 });
    const messages = [{ role: "user" as const, content: "a" }];
    assert.equal((await client.call(workerRoutes.tokenize, { body: { messages } })).count, 1);
  }));

Deno.test("a worker takes a few more levels than a client may send, since values stand deeper there", () =>
  using({}, {}, async ({ client }) => {
    await whenReady(client);
    const messages = [{ role: "user" as const, content: "a" }];
    // Five of the levels are around the list.
    const tokenize = (levels: number) => {
      const list = JSON.parse("[".repeat(levels - 5) + "]".repeat(levels - 5));
      const tool = {
        type: "function" as const,
        function: { name: "f", parameters: { a: list } },
      };
      return client.call(workerRoutes.tokenize, { body: { messages, tools: [tool] } });
    };
    assert.equal((await tokenize(196)).count, 1);
    await assert.rejects(tokenize(197), /the body has more than 196 levels/);
  }));

Deno.test("a worker turns tokens into text, tells their pieces, and renders chats", () =>
  using({}, {}, async ({ client }) => {
    await whenReady(client);
    const body = { prompt: "aé", with_pieces: true, add_special: false };
    assert.deepEqual(await client.call(workerRoutes.tokenize, { body }), {
      tokens: [0x61, 0xc3, 0xa9],
      count: 3,
      pieces: ["a", [0xc3], [0xa9]],
    });
    const tokens = [0x61, 0xc3, 0xa9];
    const { text } = await client.call(workerRoutes.detokenize, { body: { tokens } });
    assert.equal(text, "aé");
    await assert.rejects(
      client.call(workerRoutes.detokenize, { body: { tokens: [1, 9999] } }),
      /tokens\.1: is not a token/,
    );
    const tokenize = (length: number, more = {}) =>
      client.call(workerRoutes.tokenize, { body: { prompt: "a".repeat(length), ...more } });
    await assert.rejects(tokenize(20_000), /CONTEXT_LENGTH_EXCEEDED|into the context of 1000/);
    assert.equal((await tokenize(20_000, { beyond_context: true })).count, 20_000);
    await assert.rejects(tokenize(60_000, { beyond_context: true }), /send it in parts/);
    const messages = [{ role: "user" as const, content: "a" }];
    const rendered = await client.call(workerRoutes.render, { body: { messages } });
    assert.deepEqual(rendered, { prompt: "a" });
    const { chat_template } = await client.call(workerRoutes.template, {});
    assert.equal(chat_template, "{{ messages }}");
  }));

Deno.test("numbers of schemas and template variables keep their digits in /tokenize and /execute", () =>
  using({}, {}, async ({ worker, client, engine }) => {
    await whenReady(client);
    const seen: string[] = [];
    const { tokenizeChat } = engine;
    engine.tokenizeChat = (chat, count) => {
      seen.push(JSON.stringify([chat.tools[0]?.function.parameters, chat.kwargs]));
      return tokenizeChat.call(engine, chat, count);
    };
    const schema = '{"enum":[1.0,12345678901234567890],"minimum":1e400}';
    const kwargs = '{"limit":[0.10,-0]}';
    const fields = '"messages":[{"role":"user","content":"a"}],' +
      `"tools":[{"type":"function","function":{"name":"f","parameters":${schema}}}],` +
      `"chat_template_kwargs":${kwargs}`;
    for (
      const [path, more] of [
        ["tokenize", ""],
        ["execute", ',"model":"m","job_id":"j","attempt":1,"max_tokens":1'],
      ]
    ) {
      const reply = await fetch(`${worker.url}/${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${TOKEN}` },
        body: `{${fields}${more}}`,
      });
      assert.equal(reply.status, 200, await reply.text());
    }
    const expected = `[${schema},${kwargs}]`;
    assert.deepEqual(seen, [expected, expected]);
  }));

Deno.test("/shutdown refuses new work, lets streams end, and ends with exit code 0", () =>
  using({ next: () => 0x61, stepMs: 1 }, { stop_deadline_ms: 5000 }, async ({ worker, client }) => {
    await whenReady(client);
    const { events } = await client.stream(workerRoutes.execute, {
      body: request({ max_tokens: 50 }),
    });
    await events.next();
    await client.call(workerRoutes.shutdown, {});
    assert.equal(await worker.ended, 0);
    await assert.rejects(
      client.stream(workerRoutes.execute, { body: request() }),
      codeIs("NOT_READY"),
    );
    const closed = worker.close();
    const rest = await Array.fromAsync(events);
    assert.equal(rest.at(-1)?.event, "end");
    await closed;
  }));

Deno.test("a worker stopped while it loads ends quietly", async () => {
  const { promise: loading, resolve } = Promise.withResolvers<void>();
  const { worker } = await openWorker(({ signal }) => {
    resolve();
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason))
    );
  });
  await loading;
  await worker.close();
});

Deno.test("a worker stopped in a load that never ends does not wait for it", async () => {
  const { promise: loading, resolve } = Promise.withResolvers<void>();
  const { worker } = await openWorker(() => {
    resolve();
    return new Promise(() => {});
  });
  await loading;
  await worker.close();
});

Deno.test("a worker stopped before its load begins does not wait for it either", async () => {
  const { worker } = await openWorker(() => new Promise(() => {}));
  await worker.close();
});

Deno.test("a worker with more threads than the machine has cores uses one per core", async () => {
  const threadCounts: unknown[] = [];
  const engine = new FakeEngine();
  const cores = availableParallelism();
  for (const threads of [String(cores + 1), 1024, cores, "auto"]) {
    const { worker, client } = await openWorker((options) => {
      threadCounts.push(options.threads);
      return Promise.resolve(engine);
    }, { threads });
    await whenReady(client);
    // The engine's own number, as it may have measured the best one.
    assert.equal((await client.call(workerRoutes.health, {})).threads, engine.threads);
    await worker.close();
  }
  assert.deepEqual(threadCounts, [cores, cores, cores, "auto"]);
});

Deno.test("threads are 1 to 1024 or auto, whether a number or the text of a flag", () => {
  for (const threads of [1, 1024, "1", "99", "1000", "1019", "1024", "auto"]) {
    assert.equal(testConfig({ threads }).threads, threads);
  }
  for (const threads of [0, 1025, "0", "1025", "1100", "5000", "01", "1e3", ""]) {
    assert.throws(() => testConfig({ threads }), String(threads));
  }
});

Deno.test("an idle worker that is no longer called ends with exit code 0", async () => {
  const TIMEOUT_MS = 1_000;
  const pool = fakePool([]);
  const fields = { callback_url: pool.url, orphan_timeout_ms: TIMEOUT_MS };
  /** Calls it for longer than the timeout; returns the longest time between two calls. */
  const callOften = async ({ worker, client }: { worker: Worker; client: Client }) => {
    await whenReady(client);
    let ended = false;
    worker.ended.then(() => ended = true);
    let [longest, last] = [0, performance.now()];
    for (let polls = 0; polls < 12 && !ended; polls++) {
      await delay(100);
      // A call of the public route counts if it has the token.
      await client.call(workerRoutes.health, {}).catch(() => {});
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }
    if (longest < TIMEOUT_MS) assert.equal(ended, false);
    assert.equal(await worker.ended, 0);
    return longest;
  };
  // Where this process stands still for a second, it calls nobody: then once more.
  let longest = TIMEOUT_MS;
  for (let tries = 0; tries < 10 && longest >= TIMEOUT_MS; tries++) {
    await using({}, fields, async (opened) => void (longest = await callOften(opened)));
  }
  assert.ok(longest < TIMEOUT_MS, "this process stood still in each try");
  await pool.server.shutdown();
});

Deno.test("calls without the token do not keep an abandoned worker alive", async () => {
  const pool = fakePool([]);
  await using({}, { callback_url: pool.url, orphan_timeout_ms: 150 }, async ({ worker }) => {
    // The last call may come when the worker has already ended.
    const callHealth = () =>
      fetch(`${worker.url}/health`).then((r) => r.body?.cancel()).catch(() => {});
    const poll = setInterval(callHealth, 20);
    assert.equal(await worker.ended, 0);
    clearInterval(poll);
  });
  await pool.server.shutdown();
});

Deno.test("/openapi.json lists every route", () =>
  using({}, {}, async ({ worker }) => {
    const reply = await fetch(`${worker.url}/openapi.json`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    const { paths } = await reply.json();
    const expected = Object.values(workerRoutes).map(({ path }) => path).sort();
    assert.deepEqual(Object.keys(paths).sort(), expected);
  }));
