import assert from "node:assert/strict";
import { z } from "zod";
import type { Dialect } from "../contracts/dialect.ts";
import { defineRoute } from "../contracts/route.ts";
import { ERROR_CODES, type ErrorCode, LlorchError } from "../errors.ts";
import { createLogger } from "../logging.ts";
import { createApp } from "./app.ts";
import { createClient } from "./client.ts";
import { dialectAt } from "./dialect_at.ts";
import { listen } from "./serve.ts";
import { type StreamFormat, StreamResponse } from "./stream_response.ts";

// A made-up API: lines of JSON, and errors of one line with a number.
const toyError = z.object({ oops: z.string(), number: z.number() }).meta({ id: "ToyError" });

const toy: Dialect = {
  name: "toy",
  errorBody: toyError,
  writeError: ({ code, message }) => ({
    body: { oops: `${code}: ${message}`, number: ERROR_CODES[code].status },
    headers: { "x-toy": "yes" },
  }),
  readError(body) {
    const parsed = toyError.safeParse(body);
    if (!parsed.success) return undefined;
    const [code, message] = parsed.data.oops.split(": ") as [ErrorCode, string];
    return new LlorchError(code, message);
  },
};

const count = defineRoute({
  method: "POST",
  path: "/toy/count",
  summary: "Count",
  tag: "toy",
  dialect: toy,
  role: "client",
  status: 200,
  kind: "stream",
  body: z.object({ to: z.number() }),
  event: z.object({ n: z.number() }),
  streamType: "application/x-ndjson",
  errors: ["QUEUE_FULL"],
});

const own = defineRoute({
  method: "GET",
  path: "/v2/own",
  summary: "Own",
  tag: "own",
  role: "client",
  status: 200,
  reply: z.object({}),
  kind: "json",
  errors: [],
});

const NDJSON: StreamFormat = { contentType: "application/x-ndjson" };
const bytes = new TextEncoder();
const line = (data: unknown) => bytes.encode(JSON.stringify(data) + "\n");

function toyApp() {
  const log = createLogger("test");
  const app = createApp({ title: "test", log, authorize: () => undefined });
  app.mount(own, () => ({}));
  app.mount(count, ({ body }) => {
    if (body.to > 9) throw new LlorchError("QUEUE_FULL", "Too far");
    async function* frames() {
      for (let n = 1; n <= body.to; n++) yield line({ n });
    }
    return new StreamResponse(frames(), { format: NDJSON, keepAliveMs: 60_000 });
  });
  return app;
}

/** Serves the application, and stops it when the test is over. */
async function withToy(test: (url: string, stop: () => Promise<void>) => Promise<void>) {
  const { fetch, refuse } = toyApp();
  const server = await listen({ hostname: "127.0.0.1", port: 0, refuse }, fetch);
  try {
    await test(server.url, () => server.close(0));
  } finally {
    await server.close(0);
  }
}

const post = (url: string, path: string, body: unknown) =>
  fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

Deno.test("a dialect streams in its own format", async () => {
  await withToy(async (url) => {
    const response = await post(url, "/toy/count", { to: 2 });
    assert.equal(response.headers.get("content-type"), "application/x-ndjson");
    assert.equal(await response.text(), '{"n":1}\n{"n":2}\n');
  });
});

Deno.test("a dialect has its own errors: of the handler, of the body, of method and path", async () => {
  await withToy(async (url) => {
    const cases: [path: string, body: unknown, status: number][] = [
      ["/toy/count", { to: 10 }, 429],
      ["/toy/count", { to: "x" }, 400],
      ["/toy/none", {}, 404],
    ];
    for (const [path, body, status] of cases) {
      const response = await post(url, path, body);
      assert.equal(response.status, status);
      assert.equal(response.headers.get("x-toy"), "yes");
      assert.equal(toyError.parse(await response.json()).number, status);
    }
    const wrongMethod = await fetch(`${url}/toy/count`);
    assert.equal(toyError.parse(await wrongMethod.json()).number, 405);
    const ours = await fetch(`${url}/v2/none`);
    assert.equal((await ours.json()).error.code, "NOT_FOUND");
  });
});

Deno.test("errors of the server itself use the dialect of the path", async () => {
  await withToy(async (url) => {
    const { hostname, port } = new URL(url);
    for (const [path, expected] of [["/toy/count", /"oops":/], ["/v2/own", /"code":/]] as const) {
      const socket = await Deno.connect({ hostname, port: Number(port) });
      await socket.write(bytes.encode(
        `GET ${path} HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n`,
      ));
      assert.match(await new Response(socket.readable).text(), expected);
    }
  });
});

Deno.test("a stream of a dialect has no other dialect's keep-alive, and its own last frame", async () => {
  const slow = Promise.withResolvers<void>();
  async function* silent() {
    yield line({ n: 1 });
    await slow.promise;
  }
  async function* endless() {
    while (true) yield new Uint8Array(64 * 1024).fill(0x20);
  }
  const closed = Promise.withResolvers<void>();
  const server = await listen(
    { hostname: "127.0.0.1", port: 0 },
    ({ url }) =>
      url.endsWith("/silent")
        ? new StreamResponse(silent(), { format: NDJSON, keepAliveMs: 5 })
        : new StreamResponse(endless(), {
          format: NDJSON,
          keepAliveMs: 60_000,
          slowReader: { afterMs: 100, lastFrame: () => line({ oops: "too slow" }) },
          onClose: closed.resolve,
        }),
  );
  try {
    const response = await fetch(`${server.url}/silent`);
    setTimeout(slow.resolve, 50);
    assert.equal(await response.text(), '{"n":1}\n');
    const unread = await fetch(`${server.url}/endless`);
    await closed.promise;
    assert.match((await unread.text()).slice(-200), /\{"oops":"too slow"\}\n$/);
  } finally {
    await server.close(0);
  }
});

Deno.test("a client reads the errors of the route's dialect, and llorch's own from an older daemon", async () => {
  await withToy(async (url) => {
    const client = createClient({ baseUrl: url });
    await assert.rejects(client.call(count, { body: { to: 10 } }), {
      code: "QUEUE_FULL",
      message: "Too far",
    });
    const missing = { ...count, path: "/v2/missing" };
    await assert.rejects(client.call(missing, { body: { to: 1 } }), { code: "NOT_FOUND" });
  });
});

Deno.test("OpenAPI describes a dialect's errors and its stream", async () => {
  const document = await toyApp().openapi() as {
    paths: Record<string, Record<string, { responses: Record<string, { content: unknown }> }>>;
  };
  const { responses } = document.paths["/toy/count"]!["post"]!;
  assert.deepEqual(Object.keys(responses["200"]!.content as object), ["application/x-ndjson"]);
  assert.deepEqual(responses["429"]!.content, {
    "application/json": { schema: { $ref: "#/components/schemas/ToyError" } },
  });
});

Deno.test("an unknown path has the dialect of the nearest route", () => {
  const route = (path: string, dialect?: Dialect) => ({
    ...own,
    path,
    ...(dialect && { dialect }),
  });
  const other: Dialect = { ...toy, name: "other" };
  const routes = [
    route("/v2/tasks/{id}"),
    route("/v1/models", toy),
    route("/v1/messages", other),
    route("/v1/messages/batches", other),
  ];
  const at = (path: string) => dialectAt(routes, path)?.name;
  assert.equal(at("/v1/nothing"), "toy");
  assert.equal(at("/v1/messages/nothing"), "other");
  assert.equal(at("/v1/models/x/y"), "toy");
  assert.equal(at("/v2/tasks/a/b"), undefined);
  assert.equal(at("/"), undefined);
  assert.equal(at("/v10/models"), undefined);
});
