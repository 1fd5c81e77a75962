import assert from "node:assert/strict";
import { HAS_OPENSSL, withCertificates } from "../../tests/support/certificates.ts";
import { orchestratorRoutes } from "../contracts/mod.ts";
import { LlorchError } from "../errors.ts";
import { errorReply } from "./error_reply.ts";
import { type Client, createClient, TransportError } from "./client.ts";
import { streamTransport } from "./stream_transport.ts";
import { listen, type ListenOptions } from "./serve.ts";
import { encodeSse, SSE } from "./sse.ts";
import { StreamResponse } from "./stream_response.ts";
import { readCa, readServerTls } from "./tls.ts";
import { until } from "../../tests/support/stack.ts";

const route = orchestratorRoutes.taskEvents;
const input = { params: { id: "job-1" }, headers: {}, query: {} };
const LOCAL: ListenOptions = { hostname: "127.0.0.1", port: 0 };
const encoder = new TextEncoder();

/** Runs a test with a client whose streams use this transport. */
async function against(
  serve: (request: Request) => Response | Promise<Response>,
  test: (client: Client) => Promise<void>,
): Promise<void> {
  const server = await listen(LOCAL, serve);
  try {
    await withClient(server.url, test);
  } finally {
    await server.close(0);
  }
}

async function withClient(
  baseUrl: string,
  test: (client: Client) => Promise<void>,
  ca?: string,
): Promise<void> {
  await test(createClient({ baseUrl, openEvents: streamTransport(ca) }));
}

/**
 * Runs a test with a server that answers each connection's first request with these bytes, in one
 * write.
 */
async function withBytes(
  bytes: string,
  test: (client: Client, closeAll: () => void) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.TcpConn[] = [];
  const serving = (async () => {
    for await (const connection of listener) {
      open.push(connection);
      await connection.read(new Uint8Array(4096));
      await connection.write(encoder.encode(bytes));
    }
  })().catch(() => {});
  const closeAll = () => open.splice(0).forEach((connection) => connection.close());
  try {
    await withClient(
      `http://127.0.0.1:${listener.addr.port}`,
      (client) => test(client, closeAll),
    );
  } finally {
    closeAll();
    listener.close();
    await serving;
  }
}

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" +
  "transfer-encoding: chunked\r\n\r\n";

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

Deno.test("events that arrive together are passed on together, whatever the number of chunks", () => {
  const chunks = Array.from({ length: 50 }, (_, n) => chunk(`data: ${n}\n\n`));
  return withBytes(HEAD + chunks.join("") + "0\r\n\r\n", async (client) => {
    const { batches } = await client.stream(route, input);
    const all = await Array.fromAsync(batches);
    assert.deepEqual(all.flat().map(({ data }) => Number(data)), Array.from(Array(50).keys()));
    assert.ok(all.length < 10, `${all.length} batches`);
  });
});

/** Runs a test with a server that says what it does with each request, by its connection and its number there. */
async function withConnections(
  onRequest: (connection: Deno.TcpConn, n: number, nth: number) => Promise<unknown>,
  test: (client: Client, accepted: () => number) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open: Deno.TcpConn[] = [];
  const serving = (async () => {
    for await (const connection of listener) {
      const n = open.push(connection);
      void (async () => {
        for (let nth = 1; await connection.read(new Uint8Array(4096)) !== null; nth++) {
          await onRequest(connection, n, nth);
        }
      })().catch(() => {});
    }
  })().catch(() => {});
  try {
    await withClient(
      `http://127.0.0.1:${listener.addr.port}`,
      (client) => test(client, () => open.length),
    );
  } finally {
    for (const connection of open) {
      try {
        connection.close();
      } catch {
        // Closed already.
      }
    }
    listener.close();
    await serving;
  }
}

const answer = (connection: Deno.TcpConn, text: string) =>
  connection.write(encoder.encode(`${HEAD}${chunk(`data: ${text}\n\n`)}0\r\n\r\n`));

const first = async (client: Client) => {
  const { events } = await client.stream(route, input);
  return (await Array.fromAsync(events))[0]?.data;
};

Deno.test("streams one after the other go over one connection", () =>
  withConnections(
    (connection, n, nth) => answer(connection, `${n} ${nth}`),
    async (client, accepted) => {
      for (let nth = 1; nth <= 5; nth++) assert.equal(await first(client), `1 ${nth}`);
      // The second was opened ahead, while the first was in use.
      assert.ok(accepted() <= 2);
    },
  ));

Deno.test("while a stream runs, a connection for the next one is opened", () => {
  const ends: (() => void)[] = [];
  return withConnections(async (connection, n) => {
    await connection.write(encoder.encode(`${HEAD}${chunk(`data: ${n}\n\n`)}`));
    await new Promise<void>((resolve) => ends.push(resolve));
    await connection.write(encoder.encode("0\r\n\r\n"));
  }, async (client, accepted) => {
    const streams = [];
    for (let n = 1; n <= 3; n++) {
      const { events } = await client.stream(route, input);
      assert.equal((await events.next()).value?.data, String(n));
      streams.push(events);
      await until("one is ready", () => accepted() === n + 1);
    }
    for (const end of ends) end();
    for (const events of streams) assert.ok((await events.next()).done);
  });
});

for (
  const [what, reply] of [
    ["that has more bytes than its reply", `${HEAD}0\r\n\r\nHTTP/1.1 408 Request Timeout\r\n\r\n`],
    [
      "whose peer says that it ends",
      HEAD.replace("\r\n", "\r\nconnection: close\r\n") + "0\r\n\r\n",
    ],
  ] as const
) {
  Deno.test(`a connection ${what} is not used again`, () =>
    withConnections(
      (connection) => connection.write(encoder.encode(reply)),
      async (client, accepted) => {
        for (let n = 1; n <= 3; n++) {
          const { events } = await client.stream(route, input);
          assert.ok((await events.next()).done);
          await until("another one is ready", () => accepted() === n + 1);
        }
      },
    ));
}

Deno.test("a connection on which something comes between two streams is not used again", () => {
  const dropped = Promise.withResolvers<void>();
  return withConnections(async (connection, n, nth) => {
    await answer(connection, `${n} ${nth}`);
    if (n > 1) return;
    await connection.write(encoder.encode("HTTP/1.1 408 Request Timeout\r\n\r\n"));
    // The client closes it.
    assert.equal(await connection.read(new Uint8Array(1)).catch(() => null), null);
    dropped.resolve();
  }, async (client) => {
    assert.equal(await first(client), "1 1");
    await dropped.promise;
    assert.match(String(await first(client)), /^[23] 1$/);
  });
});

Deno.test("if the peer has closed the open connection meanwhile, a new one is used", () =>
  withConnections(async (connection, n, nth) => {
    if (nth === 2) connection.close();
    else await answer(connection, String(n));
  }, async (client) => {
    assert.equal(await first(client), "1");
    assert.notEqual(await first(client), "1");
  }));

Deno.test("a request that was perhaps carried out is not sent again", () => {
  let requests = 0;
  return withConnections(async (connection, n, nth) => {
    requests++;
    if (nth === 2) {
      await connection.write(encoder.encode("HTTP/1.1 2"));
      connection.close();
    } else await answer(connection, String(n));
  }, async (client) => {
    assert.equal(await first(client), "1");
    await assert.rejects(first(client), TransportError);
    assert.equal(requests, 2);
  });
});

Deno.test("a request that is aborted at any moment leaves no connection behind", async () => {
  const open = new Set<symbol>();
  let answered = 0;
  await against((request) => {
    const each = Symbol();
    open.add(each);
    request.signal.addEventListener("abort", () => open.delete(each));
    answered++;
    return new Promise(() => {});
  }, async (client) => {
    const moments = [
      (stop: () => void) => stop(),
      (stop: () => void) => queueMicrotask(stop),
      ...[0, 1, 5, 20].map((ms) => (stop: () => void) => void setTimeout(stop, ms)),
    ];
    await Promise.all(
      [...moments, ...moments].map(async (giveUp) => {
        const controller = new AbortController();
        const waiting = client.stream(route, input, { signal: controller.signal });
        giveUp(() => controller.abort());
        await assert.rejects(waiting, { name: "AbortError" });
      }),
    );
    // The wait doubles until one request succeeds, however slow the machine is.
    for (let ms = 40; answered === 0; ms *= 2) {
      const signal = AbortSignal.timeout(ms);
      await assert.rejects(client.stream(route, input, { signal }), { name: "TimeoutError" });
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = setInterval(() => open.size === 0 && resolve(), 5);
    await promise;
    clearInterval(look);
  });
});

Deno.test("a stream that is cut off throws after the events that arrived", () =>
  withBytes(HEAD + chunk("data: whole\n\n") + "ff\r\ndata: half", async (client, closeAll) => {
    const { events } = await client.stream(route, input);
    assert.equal((await events.next()).value?.data, "whole");
    closeAll();
    await assert.rejects(events.next());
  }));

Deno.test("an abort ends an unanswered request, and a running stream", async () => {
  const left = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let arrived = Promise.withResolvers<void>();
  let requests = 0;
  await against((request) => {
    const gone = left[requests++]!;
    request.signal.addEventListener("abort", () => gone.resolve());
    arrived.resolve();
    if (requests === 1) return new Promise(() => {});
    async function* frames() {
      yield encodeSse("token", {});
      await gone.promise;
    }
    return new StreamResponse(frames(), { format: SSE, keepAliveMs: 60_000 });
  }, async (client) => {
    const first = new AbortController();
    const waiting = client.stream(route, input, { signal: first.signal });
    await arrived.promise;
    first.abort();
    await assert.rejects(waiting, { name: "AbortError" });
    await left[0]!.promise;

    arrived = Promise.withResolvers();
    const second = new AbortController();
    const { events } = await client.stream(route, input, { signal: second.signal });
    assert.equal((await events.next()).value?.event, "token");
    second.abort();
    await assert.rejects(events.next(), { name: "AbortError" });
    await left[1]!.promise;
  });
});

Deno.test("leaving the loop closes the connection", async () => {
  const left = Promise.withResolvers<void>();
  await against((request) => {
    request.signal.addEventListener("abort", () => left.resolve());
    async function* frames() {
      yield encodeSse("token", {});
      await left.promise;
    }
    return new StreamResponse(frames(), { format: SSE, keepAliveMs: 60_000 });
  }, async (client) => {
    const { batches } = await client.stream(route, input);
    for await (const _ of batches) break;
    await left.promise;
  });
});

Deno.test("a slow reader slows the peer down", async () => {
  let made = 0;
  const frame = encodeSse("token", { t: "x".repeat(64 * 1024) });
  await against(() => {
    async function* frames() {
      while (true) {
        made++;
        yield frame;
      }
    }
    return new StreamResponse(frames(), { format: SSE, keepAliveMs: 60_000 });
  }, async (client) => {
    const { events } = await client.stream(route, input);
    await events.next();
    let before = -1;
    while (before !== made) {
      before = made;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(made * 64 < 32 * 1024, `${made} frames were made for a reader that sleeps`);
    await events.return(undefined);
  });
});

Deno.test("an error reply and an unreachable peer throw the client's error types", async () => {
  const gone = new LlorchError("NOT_FOUND", "gone");
  await against(
    () => errorReply(gone, "id"),
    (client) => assert.rejects(client.stream(route, input), { code: "NOT_FOUND", message: "gone" }),
  );
  const server = await listen(LOCAL, () => new Response());
  await server.close();
  await withClient(
    server.url,
    (client) => assert.rejects(client.stream(route, input), TransportError),
  );
});

Deno.test({
  name: "streams work over TLS with a peer whose authority is configured" +
    (HAS_OPENSSL ? "" : " (skipped: no openssl)"),
  ignore: !HAS_OPENSSL,
  fn: () =>
    withCertificates(async ({ cert, key, ca }) => {
      const tls = readServerTls({ cert, key });
      async function* frames() {
        yield encodeSse("token", { n: 1 });
      }
      const server = await listen(
        { ...LOCAL, tls },
        () => new StreamResponse(frames(), { format: SSE, keepAliveMs: 60_000 }),
      );
      const trusted = async (client: Client) => {
        const { events } = await client.stream(route, input);
        assert.equal((await Array.fromAsync(events)).length, 1);
      };
      await withClient(server.url, trusted, readCa({ ca }));
      await withClient(
        server.url,
        async (client) => {
          await assert.rejects(client.stream(route, input), TransportError);
          await assert.rejects(client.call(orchestratorRoutes.health, {}), /tls\.ca/);
        },
      );
      await server.close(0);
    }),
});
