import assert from "node:assert/strict";
import { until } from "../../tests/support/stack.ts";
import { errorBody } from "../contracts/common.ts";
import { delay } from "../lifecycle.ts";
import type { LlorchError } from "../errors.ts";
import { listen, type Server } from "./serve.ts";

const here = { hostname: "127.0.0.1", port: 0 };
/** A server whose clients never retry. */
const forClients = { ...here, awaitsClients: true };

/** A server whose replies are streams that run until `end` is called. */
async function endlessServer(): Promise<{ server: Server; end: () => void }> {
  const ended = new AbortController();
  const server = await listen(here, () => {
    const body = ReadableStream.from((async function* () {
      while (!ended.signal.aborted) {
        yield new TextEncoder().encode("x");
        await delay(5);
      }
    })());
    return new Response(body);
  });
  return { server, end: () => ended.abort() };
}

Deno.test("listen() returns its URL, also for port 0", async () => {
  const server = await listen(here, () => new Response("hi"));
  assert.equal(server.url, `http://127.0.0.1:${server.port}`);
  assert.equal(await (await fetch(server.url)).text(), "hi");
  await server.close();
});

Deno.test("listen() reports that a port is in use and what to do", async () => {
  const server = await listen(here, () => new Response());
  await assert.rejects(
    listen({ ...here, port: server.port }, () => new Response()),
    /port is in use; choose another with --port, or 0 for any free one/,
  );
  await server.close();
});

Deno.test("close() waits for a running reply", async () => {
  const { server, end } = await endlessServer();
  const text = (await fetch(server.url)).text();
  const closed = server.close(5000);
  end();
  assert.match(await text, /^x+$/);
  await closed;
});

Deno.test("close() cuts off a reply that runs longer than the deadline", async () => {
  const { server, end } = await endlessServer();
  const response = await fetch(server.url);
  const began = performance.now();
  const cut = assert.rejects(response.text());
  await server.close(30);
  assert.ok(performance.now() - began < 30_000);
  await cut;
  end();
});

Deno.test("close() with a deadline of 0 cuts off at once, also a handler that has not replied", async () => {
  const arrivedAt = Promise.withResolvers<void>();
  const server = await listen(here, () => {
    arrivedAt.resolve();
    return new Promise(() => {});
  });
  const cut = assert.rejects(fetch(server.url));
  await arrivedAt.promise;
  await server.close(0);
  await cut;
});

Deno.test("close() refuses new requests while it waits", async () => {
  const { server, end } = await endlessServer();
  const text = (await fetch(server.url)).text();
  const closed = server.close(5000);
  const refused = await fetch(server.url);
  assert.equal(refused.status, 503);
  assert.ok(refused.headers.has("retry-after"));
  assert.equal(errorBody.parse(await refused.json()).error.code, "NOT_READY");
  end();
  await text;
  await closed;
});

Deno.test("after stopListening() open connections are answered, and new ones refused", async () => {
  const server = await listen(here, () => new Response("hi"));
  const where = { hostname: "127.0.0.1", port: server.port };
  assert.equal(await (await fetch(server.url)).text(), "hi");
  using connection = await Deno.connect(where);
  await server.stopListening();
  await server.stopListening();
  await assert.rejects(Deno.connect(where), Deno.errors.ConnectionRefused);
  await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  const bytes = new Uint8Array(1000);
  const length = await connection.read(bytes);
  assert.match(new TextDecoder().decode(bytes.subarray(0, length!)), /^HTTP\/1\.1 200/);
  await server.close();
});

/** Connects 20 times from another thread, then sends a request on each; resolves with the replies. */
const CLIENTS = `self.onmessage = async ({ data: { port, connected } }) => {
  const connect = () => Deno.connect({ hostname: "127.0.0.1", port });
  const connections = await Promise.all(Array.from({ length: 20 }, connect));
  Atomics.store(new Int32Array(connected), 0, 1);
  const bytes = new TextEncoder().encode("GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n");
  self.postMessage(
    await Promise.all(connections.map(async (connection) => {
      try {
        await connection.write(bytes);
        const reply = new Uint8Array(12);
        await connection.read(reply);
        return new TextDecoder().decode(reply);
      } catch (error) {
        return String(error);
      } finally {
        connection.close();
      }
    })),
  );
}`;

/** Runs a test with clients that connect from another thread; `connect` returns once they have. */
async function withClients(
  server: Server,
  test: (connect: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const clients = new Worker(`data:text/javascript,${encodeURIComponent(CLIENTS)}`, {
    type: "module",
  });
  try {
    await test(() => {
      const replies = new Promise((resolve) => clients.onmessage = ({ data }) => resolve(data));
      const connected = new SharedArrayBuffer(4);
      clients.postMessage({ port: server.port, connected });
      // Stands still, so that the system holds the connections.
      while (Atomics.load(new Int32Array(connected), 0) === 0);
      return replies;
    });
  } finally {
    clients.terminate();
    await server.close();
  }
}

for (const how of ["stopListening", "close"] as const) {
  const replies = Array(20).fill(`HTTP/1.1 ${how === "close" ? 503 : 200}`);
  Deno.test(`${how}() answers all that has connected, also what the process had not yet seen`, async () => {
    const server = await listen(forClients, () => new Response("hi"));
    await withClients(server, async (connect) => {
      const received = connect();
      await server[how]();
      assert.deepEqual(await received, replies);
    });
  });

  Deno.test(`${how}() answers who connects while the process stands still beyond its deadline`, async () => {
    const server = await listen(forClients, () => new Response("hi"));
    await withClients(server, async (connect) => {
      const stopped = how === "close" ? server.close(50) : server.stopListening(50);
      const received = connect();
      const until = performance.now() + 200;
      while (performance.now() < until);
      await stopped;
      assert.deepEqual(await received, replies);
    });
  });
}

Deno.test("close() resets no client of many that come again as soon as they are answered", async () => {
  const server = await listen(forClients, () => new Response("hi"));
  const where = { hostname: "127.0.0.1", port: server.port };
  const ends = new Map<string, number>();
  const request = new TextEncoder().encode(
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
  );
  let answered = 0;
  const client = async () => {
    while (true) {
      let end = "";
      try {
        using connection = await Deno.connect(where);
        end = "reset";
        await connection.write(request);
        const reply = new Uint8Array(12);
        if (await connection.read(reply) !== null) end = "";
      } catch (error) {
        // Refused: nothing was sent.
        if (end === "" && error instanceof Deno.errors.ConnectionRefused) end = "refused";
      }
      answered++;
      if (end === "") continue;
      ends.set(end, (ends.get(end) ?? 0) + 1);
      return;
    }
  };
  const clients = Array.from({ length: 24 }, client);
  await until("they are answered", () => answered > 200);
  await server.close();
  await Promise.all(clients);
  assert.deepEqual([...ends], [["refused", 24]]);
});

Deno.test("close() answers whose handler does not, also while a body arrives", async () => {
  const begun = Promise.withResolvers<void>();
  const server = await listen(here, async (request) => {
    begun.resolve();
    return new Response(await request.text());
  });
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n";
  await connection.write(new TextEncoder().encode(`${head}some`));
  await begun.promise;
  const closed = server.close(30);
  const reply = new Uint8Array(12);
  await connection.read(reply);
  assert.equal(new TextDecoder().decode(reply), "HTTP/1.1 503");
  await closed;
});

Deno.test("close() answers a request without a handler's answer once, whatever its target", async () => {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const server = await listen(here, async () => {
    begun.resolve();
    await end.promise;
    return new Response("late");
  });
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await connection.write(new TextEncoder().encode("GET //: HTTP/1.1\r\nHost: x\r\n\r\n"));
  await begun.promise;
  const closed = server.close(30);
  const text = new Response(connection.readable).text();
  await closed;
  end.resolve();
  assert.deepEqual((await text).match(/HTTP\/1\.1 \d+/g), ["HTTP/1.1 503"]);
});

Deno.test("close() does not wait for an idle connection that is kept alive", async () => {
  const server = await listen(here, () => new Response("hi"));
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await connection.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  await connection.read(new Uint8Array(1000));
  const began = performance.now();
  await server.close(60_000);
  assert.ok(performance.now() - began < 30_000);
  connection.close();
});

Deno.test("close() waits for a first request only where clients connect that may never retry", async () => {
  const closing = async (options: typeof here) => {
    const server = await listen(options, () => new Response("hi"));
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const began = performance.now();
    await server.close();
    assert.equal(await connection.read(new Uint8Array(1)), null);
    return performance.now() - began;
  };
  assert.ok(await closing(forClients) > 900);
  // A worker that is to make room must not wait for a connection that orchestratord opened ahead.
  const times: number[] = [];
  while (!times.some((ms) => ms < 900)) {
    assert.ok(times.length < 5, `${times.join(", ")} ms`);
    times.push(await closing(here));
  }
});

Deno.test("close() may be called twice", async () => {
  const server = await listen(here, () => new Response());
  await Promise.all([server.close(), server.close()]);
});

Deno.test("a handler notices a client that leaves before the reply, however the request arrived", async () => {
  const left: string[] = [];
  let isReading = () => {};
  const server = await listen(here, async (request) => {
    const body = await request.text();
    isReading();
    await new Promise<void>((resolve) =>
      request.signal.addEventListener("abort", () => resolve(), { once: true })
    );
    left.push(String(body.length));
    return new Response();
  });
  const encoder = new TextEncoder();
  // The request arrives in one packet, in more than one read, and in two packets.
  for (
    const [length, splits] of [[10, false], [2000, false], [100_000, false], [10, true]] as const
  ) {
    const noticed = Promise.withResolvers<void>();
    isReading = noticed.resolve;
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const head = `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;
    const writer = connection.writable.getWriter();
    if (splits) {
      await writer.write(encoder.encode(head));
      await delay(20);
      await writer.write(encoder.encode("x".repeat(length)));
    } else await writer.write(encoder.encode(head + "x".repeat(length)));
    await noticed.promise;
    await writer.close();
    const before = left.length;
    for (let tries = 0; left.length === before; tries++) {
      assert.ok(tries < 500, `the handler did not notice that the client of ${length} bytes left`);
      await delay(10);
    }
  }
  assert.deepEqual(left, ["10", "2000", "100000", "10"]);
  await server.close();
});

Deno.test("a request that cannot be parsed is answered 400 in the contract's form", async () => {
  const server = await listen(here, () => new Response("hi"));
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const request = "GET / HTTP/1.1\r\nHost: [::\r\nConnection: close\r\n\r\n";
  await connection.write(new TextEncoder().encode(request));
  const reply = await new Response(connection.readable).text();
  assert.match(reply, /^HTTP\/1\.1 400 [^]*"code":"INVALID_REQUEST"/);
  await server.close();
});

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("request heads that do not arrive are answered 408", async () => {
  const limits = { maxConnections: 2, headerTimeoutMs: 50 };
  const server = await listen({ ...here, limits }, () => new Response());
  for (let i = 0; i < 2; i++) {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await connection.write(encode("GET / HTTP/1.1\r\n"));
    const buffer = new Uint8Array(100);
    const read = await connection.read(buffer);
    assert.match(new TextDecoder().decode(buffer.subarray(0, read ?? 0)), /^HTTP\/1.1 408 /);
  }
  await server.close();
});

Deno.test("beyond the limit the longest idle connection is closed, or the new one if none is idle", async () => {
  let arrived = () => {};
  const end = Promise.withResolvers<void>();
  const limits = { maxConnections: 2, headerTimeoutMs: 60_000 };
  const server = await listen({ ...here, limits }, async ({ url }) => {
    arrived();
    if (url.endsWith("/wait")) await end.promise;
    return new Response("done", { headers: { connection: "keep-alive" } });
  });
  const connect = () => Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const ask = async (connection: Deno.Conn, path: string) => {
    const came = Promise.withResolvers<void>();
    arrived = came.resolve;
    await connection.write(encode(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`));
    await came.promise;
  };
  const buffer = new Uint8Array(1000);
  using first = await connect();
  await ask(first, "/");
  await first.read(buffer);
  using busy = await connect();
  await ask(busy, "/wait");
  using third = await connect();
  await ask(third, "/wait");
  assert.equal(await first.read(buffer), null);
  using extra = await connect();
  assert.equal(await extra.read(buffer), null);
  end.resolve();
  for (const connection of [busy, third]) {
    const read = await connection.read(buffer);
    assert.match(new TextDecoder().decode(buffer.subarray(0, read ?? 0)), /^HTTP\/1.1 200 /);
  }
  assert.equal(server.maxConnections, 2);
  await server.close();
});

Deno.test("beyond the limit a request that is slow to arrive makes room, and a log line tells", async () => {
  const events: string[] = [];
  const record = (event: string) => void events.push(event);
  const log = { error: record, info: record, warn: record };
  const limits = { maxConnections: 2, headerTimeoutMs: 60_000, arrivalMs: 200 };
  const arrived = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const server = await listen({ hostname: "127.0.0.1", port: 0, limits, log }, async (request) => {
    if (new URL(request.url).pathname === "/waits") {
      arrived.resolve();
      await answered.promise;
    }
    await request.text();
    return new Response("whole");
  });
  const { port } = server;
  const slow = await Deno.connect({ hostname: "127.0.0.1", port });
  const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx";
  await slow.write(new TextEncoder().encode(head));
  const waiting = fetch(`${server.url}/waits`).then((reply) => reply.text());
  await arrived.promise;
  try {
    // New connections are refused until the slow one has exceeded its time.
    await until("there is room", async () => {
      const reply = await fetch(server.url, { method: "POST", body: "x" }).catch(() => undefined);
      return await reply?.text() === "whole";
    });
    assert.equal(await slow.read(new Uint8Array(1)), null);
    assert.equal(events.filter((event) => event === "connections_full").length, 1);
    answered.resolve();
    assert.equal(await waiting, "whole", "a request that has arrived is not cut off");
  } finally {
    answered.resolve();
    slow.close();
    await server.close();
  }
});

Deno.test("a connection stays open for the configured time, by default 75 s", async () => {
  for (const [keepAliveMs, seconds] of [[undefined, 75], [7_000, 7]] as const) {
    const limits = {
      maxConnections: 2,
      headerTimeoutMs: 60_000,
      ...(keepAliveMs && { keepAliveMs }),
    };
    const server = await listen({ ...here, limits }, () => new Response("hi"));
    const reply = await fetch(server.url);
    await reply.text();
    assert.equal(reply.headers.get("keep-alive"), `timeout=${seconds}`);
    await server.close();
  }
});

Deno.test("long URLs and headers are refused with 431, as the server's own refusals are", async () => {
  const refuse = (_: Request, { status, code }: LlorchError) => new Response(code, { status });
  const limits = { maxConnections: 10, headerTimeoutMs: 5000, maxHeaderBytes: 2000 };
  const server = await listen({ ...here, limits, refuse }, () => new Response("taken"));
  try {
    const ask = async (path: string, long: string) => {
      const reply = await fetch(server.url + path, { headers: { "x-long": long } });
      return [reply.status, await reply.text()];
    };
    assert.deepEqual(await ask("/", "x".repeat(2000)), [431, "HEADERS_TOO_LARGE"]);
    assert.deepEqual(await ask(`/${"x".repeat(2000)}`, "x"), [431, "HEADERS_TOO_LARGE"]);
    assert.deepEqual(await ask("/", "x".repeat(1500)), [200, "taken"]);
  } finally {
    await server.close(0);
  }
});

Deno.test("two Host headers are answered 400, and no header is dropped silently", async () => {
  const server = await listen(here, ({ headers }) => new Response(`${[...headers].length}`));
  const ask = async (headers: string) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    await connection.write(encode(`GET / HTTP/1.1\r\nConnection: close\r\n${headers}\r\n`));
    return await new Response(connection.readable).text();
  };
  assert.match(
    await ask("Host: x\r\nhost: y\r\n"),
    /^HTTP\/1\.1 400 [^]*INVALID_REQUEST[^]*two Host headers/,
  );
  assert.match(await ask("host: x\r\nHost: x\r\n"), /^HTTP\/1\.1 400 /);
  const many = Array.from({ length: 1500 }, (_, i) => `h${i}: x\r\n`).join("");
  assert.match(await ask(`Host: x\r\n${many}`), /^HTTP\/1\.1 200 [^]*1502/);
  assert.match(await ask(`Host: x\r\nh: ${"x".repeat(70_000)}\r\n`), /^HTTP\/1\.1 431 /);
  await server.close();
});
