import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";
import { z } from "zod";
import { defineRoute } from "../contracts/route.ts";
import { LlorchError } from "../errors.ts";
import { delay } from "../lifecycle.ts";
import { cannotReach, type Client, createClient, TransportError } from "./client.ts";
import { listen } from "./serve.ts";
import { openaiDialect } from "../contracts/openai/dialect.ts";
import { encodeSse, SSE } from "./sse.ts";
import { StreamResponse } from "./stream_response.ts";

const base = { tag: "test", role: "client", status: 200, errors: [] } as const;

const thing = defineRoute({
  ...base,
  method: "POST",
  path: "/things/{id}",
  summary: "A thing",
  kind: "json",
  params: z.object({ id: z.string() }),
  query: z.object({ dry: z.boolean().optional(), limit: z.number().optional() }),
  headers: z.object({ "idempotency-key": z.string().optional() }),
  body: z.object({ name: z.string() }),
  reply: z.object({ id: z.string() }),
});

const events = defineRoute({
  ...base,
  method: "GET",
  path: "/events",
  summary: "Events",
  kind: "stream",
});

const page = defineRoute({ ...base, method: "GET", path: "/text", summary: "Text", kind: "text" });

const input = { params: { id: "a" }, body: { name: "x" } };

/** Runs a test with a server that replies like this. */
async function against(
  handler: (request: Request) => Response | Promise<Response>,
  use: (client: Client) => Promise<void>,
  token?: string,
): Promise<void> {
  const server = await listen({ hostname: "127.0.0.1", port: 0 }, handler);
  try {
    await use(createClient({ baseUrl: server.url + "/", token, timeoutMs: 60_000 }));
  } finally {
    await server.close(0);
  }
}

/** A handler that never replies; it ends with the request, so that the server can close. */
const silence = (request: Request) =>
  new Promise<Response>((resolve) =>
    request.signal.addEventListener("abort", () => resolve(new Response()))
  );

Deno.test("client: path, query, headers, token and body arrive as they were given", async () => {
  let received: unknown;
  await against(async (request) => {
    received = [
      request.method,
      request.url.replace(/^http:\/\/[^/]+/, ""),
      request.headers.get("idempotency-key"),
      request.headers.get("authorization"),
      request.headers.get("content-type"),
      request.headers.get("x-correlation-id"),
      await request.json(),
    ];
    return Response.json({ id: "a" });
  }, async (client) => {
    const reply = await client.call(thing, {
      params: { id: "hf:a/b c" },
      query: { limit: 5 },
      headers: { "idempotency-key": "k" },
      body: { name: "é" },
    }, { correlationId: "abc" });
    assert.deepEqual(reply, { id: "a" });
  }, "secret");
  assert.deepEqual(received, [
    "POST",
    "/things/hf%3Aa%2Fb%20c?limit=5",
    "k",
    "Bearer secret",
    "application/json",
    "abc",
    { name: "é" },
  ]);
});

Deno.test("client: text routes return text", () =>
  against(() => new Response("a\nb"), async (client) => {
    assert.equal(await client.text(page, {}), "a\nb");
  }));

Deno.test("client: an error of ours keeps its code, message, details and retry time", () =>
  against(() =>
    Response.json({
      error: {
        code: "QUEUE_FULL",
        message: "The queue is full",
        details: { waiting: 100 },
        retriable: true,
        retry_after_ms: 1500,
        correlation_id: "abc",
      },
    }, { status: 429 }), async (client) => {
    await assert.rejects(client.call(thing, input), (error) => {
      assert.ok(error instanceof LlorchError);
      assert.equal(error.code, "QUEUE_FULL");
      assert.equal(error.message, "The queue is full");
      assert.deepEqual(error.details, { waiting: 100 });
      assert.equal(error.retryAfterMs, 1500);
      assert.equal(error.retriable, true);
      return true;
    });
    await assert.rejects(client.stream(events, {}), LlorchError);
  }));

Deno.test("client: an error in OpenAI's envelope keeps its code", () =>
  against(() =>
    Response.json({
      error: { message: "No such model", type: "x", param: null, code: "model_not_found" },
    }, { status: 404 }), async (client) => {
    await assert.rejects(
      client.call({ ...thing, dialect: openaiDialect }, input),
      (error) => error instanceof LlorchError && error.code === "MODEL_NOT_FOUND",
    );
  }));

Deno.test("client: any other error names address and status", () =>
  against(() => new Response("<h1>Bad gateway</h1>", { status: 502 }), async (client) => {
    await assert.rejects(client.call(thing, input), (error) => {
      assert.ok(error instanceof TransportError);
      assert.match(error.message, /\/things\/a answered 502 <h1>Bad gateway/);
      return true;
    });
  }));

Deno.test("client: a reply that is not JSON or not what the contract says is a transport error", async () => {
  await against(() => new Response("hello"), async (client) => {
    await assert.rejects(client.call(thing, input), /did not answer with JSON/);
  });
  await against(() => Response.json({ id: 1 }), async (client) => {
    await assert.rejects(client.call(thing, input), (error) => {
      assert.ok(error instanceof TransportError);
      assert.match(error.message, /POST \/things\/\{id\} is not what the contract says: id: /);
      return true;
    });
  });
});

Deno.test("client: a redirect is not followed", () =>
  against((request) => Response.redirect(new URL("/other", request.url)), async (client) => {
    await assert.rejects(client.call(thing, input), TransportError);
  }));

Deno.test("client: a refused connection is a transport error that names the address", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const client = createClient({ baseUrl: `http://127.0.0.1:${port}` });
  await assert.rejects(client.call(thing, input), (error) => {
    assert.ok(error instanceof TransportError);
    assert.match(error.message, new RegExp(`Cannot reach http://127.0.0.1:${port}: `));
    return true;
  });
});

Deno.test("client: no reply in time is a transport error, before and after the headers", async () => {
  const message = /No reply from .* to POST \/things\/\{id\} within 30 ms/;
  await against(silence, async (client) => {
    await assert.rejects(client.call(thing, input, { timeoutMs: 30 }), message);
    await assert.rejects(client.stream(events, {}, { timeoutMs: 30 }), /No reply from .* 30 ms/);
  });
  const half = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('{"id":')),
  });
  await against(() => new Response(half), async (client) => {
    await assert.rejects(client.call(thing, input, { timeoutMs: 30 }), message);
  });
});

Deno.test("client: the caller's own abort reason is thrown unchanged", () =>
  against(silence, async (client) => {
    const reason = new Error("not needed any more");
    const controller = new AbortController();
    const call = client.call(thing, input, { signal: controller.signal });
    const stream = client.stream(events, {}, { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(call, reason);
    await assert.rejects(stream, reason);
    await assert.rejects(client.call(thing, input, { signal: AbortSignal.abort(reason) }), reason);
  }));

/** A stream of one event, then silence until the client leaves. */
function oneEvent(left: () => void) {
  return (request: Request) => {
    async function* frames() {
      try {
        yield encodeSse("token", { t: "a" }, 1);
        await delay(60_000, request.signal).catch(() => {});
      } finally {
        left();
      }
    }
    return new StreamResponse(frames(), { format: SSE, keepAliveMs: 10 });
  };
}

Deno.test("client: a stream outlives the deadline of its first byte", () => {
  // Long enough for the first byte on a busy machine.
  const timeoutMs = 3_000;
  return against(() => {
    async function* frames() {
      yield encodeSse("token", { t: "a" }, 1);
      await delay(timeoutMs + 200);
      yield encodeSse("end", {}, 2);
    }
    return new StreamResponse(frames(), { format: SSE, keepAliveMs: 60_000 });
  }, async (client) => {
    const { status, events: messages } = await client.stream(events, {}, { timeoutMs });
    assert.equal(status, 200);
    const names = (await Array.fromAsync(messages)).map(({ event, id }) => [event, id]);
    assert.deepEqual(names, [["token", "1"], ["end", "2"]]);
  });
});

Deno.test("client: a stream that is answered 204 has no events", () =>
  against(() => new Response(null, { status: 204 }), async (client) => {
    const { status, events: all, batches } = await client.stream(events, {});
    assert.equal(status, 204);
    assert.deepEqual(await Array.fromAsync(all), []);
    assert.deepEqual(await Array.fromAsync(batches), []);
  }));

Deno.test("client: aborting a running stream ends it on both sides", async () => {
  const left = Promise.withResolvers<void>();
  await against(oneEvent(left.resolve), async (client) => {
    const controller = new AbortController();
    const stream = await client.stream(events, {}, { signal: controller.signal });
    const first = await stream.events.next();
    assert.equal(first.value?.data, '{"t":"a"}');
    controller.abort();
    await assert.rejects(stream.events.next());
    await left.promise;
  });
});

Deno.test("client: leaving the loop of a stream closes the connection", async () => {
  const left = Promise.withResolvers<void>();
  await against(oneEvent(left.resolve), async (client) => {
    const stream = await client.stream(events, {});
    for await (const message of stream.events) {
      assert.equal(message.event, "token");
      break;
    }
    await left.promise;
  });
});

Deno.test("client: a stream that the server cuts off throws instead of ending", async () => {
  const server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    const connection = await server.accept();
    await connection.read(new Uint8Array(4096));
    const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" +
      "transfer-encoding: chunked\r\n\r\n";
    await connection.write(new TextEncoder().encode(head + "e\r\ndata: cut off\n\n\r\n"));
    connection.close();
  })();
  const client = createClient({ baseUrl: `http://127.0.0.1:${server.addr.port}` });
  const stream = await client.stream(events, {});
  await assert.rejects(Array.fromAsync(stream.events));
  await serving;
  server.close();
});

Deno.test("client: an abort ends a stream whose response was garbage-collected", async () => {
  const script = fileURLToPath(new URL("./testdata/collected_response.ts", import.meta.url));
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--v8-flags=--expose-gc", script],
  }).output();
  const decoder = new TextDecoder();
  assert.equal(decoder.decode(stdout), "noticed\n", decoder.decode(stderr));
});

Deno.test("cannotReach() says what to do about a refused certificate", () => {
  const messageFor = (reason: string) => cannotReach("https://h:1/x", new Error(reason)).message;
  const refused = "invalid peer certificate: ";
  assert.match(
    messageFor(refused + "UnknownIssuer"),
    /; name the authority that signed it in tls\.ca/,
  );
  assert.match(messageFor(refused + "Expired"), /; renew its certificate, or set the clocks$/);
  assert.match(
    messageFor(refused + "NotValidYet"),
    /; set the clocks: its certificate is of the future$/,
  );
  assert.match(
    messageFor(refused + "NotValidForNameContext { … }"),
    /; its certificate must name the host/,
  );
  assert.match(
    messageFor(refused + "Other(OtherError(CaUsedAsEndEntity))"),
    /; it serves with an authority's/,
  );
  assert.equal(messageFor("Connection refused"), "Cannot reach https://h:1: Connection refused");
});
