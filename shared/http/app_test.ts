import assert from "node:assert/strict";
import { z } from "zod";
import { errorBody } from "../contracts/common.ts";
import { openaiErrorBody } from "../contracts/openai/common.ts";
import { openaiDialect } from "../contracts/openai/dialect.ts";
import { defineRoute, type Role } from "../contracts/route.ts";
import { LlorchError } from "../errors.ts";
import type { LogFields, Logger } from "../logging.ts";
import { type App, createApp } from "./app.ts";
import { bearerAuth, requireTokenOffLoopback } from "./auth.ts";

const base = { tag: "test", role: "client", status: 200, kind: "json", errors: [] } as const;

const create = defineRoute({
  ...base,
  method: "POST",
  path: "/v2/things/{id}",
  summary: "Make a thing",
  params: z.object({ id: z.string().regex(/^[a-z/]+$/, "must be letters") }),
  query: z.object({ dry: z.enum(["true", "false"]).optional() }),
  headers: z.object({ "idempotency-key": z.string().max(3).optional() }),
  body: z.strictObject({ name: z.string(), count: z.number().min(1) }),
  reply: z.object({ id: z.string(), name: z.string() }),
  status: 202,
});

const read = defineRoute({
  ...base,
  method: "GET",
  path: "/v2/things/{id}",
  summary: "Read a thing",
  params: z.object({ id: z.string() }),
  reply: z.object({ id: z.string() }),
});

const load = defineRoute({
  ...base,
  method: "POST",
  path: "/v2/models/{ref}/load",
  summary: "Load a model",
  params: z.object({ ref: z.string() }),
  reply: z.object({ ref: z.string() }),
});

const chat = defineRoute({
  ...base,
  method: "POST",
  path: "/v1/chat",
  dialect: openaiDialect,
  summary: "Chat",
  body: z.object({ model: z.string() }),
});

interface Line {
  readonly level: string;
  readonly event: string;
  readonly fields: LogFields | undefined;
}

function recordingLog(lines: Line[]): Logger {
  const at = (level: string) => (event: string, fields?: LogFields) =>
    void lines.push({ level, event, fields });
  const log: Logger = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    with: () => log,
  };
  return log;
}

/** An application with the routes above; `fail` is thrown by GET /v2/things/{id}. */
function testApp(
  { fail, token, maxLevels }: { fail?: unknown; token?: string; maxLevels?: number } = {},
) {
  const lines: Line[] = [];
  const replies: [path: string, status: number][] = [];
  const app = createApp({
    title: "test",
    log: recordingLog(lines),
    authorize: bearerAuth(token),
    limits: { maxBytes: 1000, timeoutMs: 50, ...maxLevels && { maxLevels } },
    onReply: (route, status) => replies.push([route.path, status]),
  });
  app.mount(create, ({ params, body }) => ({ id: params.id, name: body.name }));
  app.mount(read, ({ params }) => {
    if (fail !== undefined) throw fail;
    return { id: params.id };
  });
  app.mount(load, ({ params }) => ({ ref: params.ref }));
  app.mount(chat, () => {
    throw new LlorchError("QUEUE_FULL", "The queue is full", { retryAfterMs: 1500 });
  });
  return { app, lines, replies };
}

const url = (path: string) => `http://127.0.0.1${path}`;

function post(app: App, path: string, body: unknown, headers: HeadersInit = {}) {
  return app.fetch(
    new Request(url(path), {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    }),
  );
}

const get = (app: App, path: string, headers: HeadersInit = {}) =>
  app.fetch(new Request(url(path), { headers }));

async function errorOf(response: Response) {
  return errorBody.parse(await response.json()).error;
}

Deno.test("app: a valid call gets the route's status and the handler's reply", async () => {
  const { app, replies } = testApp();
  const response = await post(app, "/v2/things/a?dry=true", { name: "x", count: 1 });
  assert.equal(response.status, 202);
  assert.deepEqual(await response.json(), { id: "a", name: "x" });
  assert.deepEqual(replies, [["/v2/things/{id}", 202]]);
});

Deno.test("app: every wrong field is listed, of path, query, headers and body alike", async () => {
  const { app } = testApp();
  const response = await post(
    app,
    "/v2/things/A1?dry=maybe",
    { name: 1, count: 0, nmae: "x" },
    { "idempotency-key": "long" },
  );
  assert.equal(response.status, 400);
  const { code, message, details, retriable } = await errorOf(response);
  assert.equal(code, "INVALID_REQUEST");
  assert.equal(retriable, false);
  const fields = (details?.["errors"] as { field: string }[]).map((each) => each.field);
  assert.deepEqual(fields.sort(), ["count", "dry", "id", "idempotency-key", "name", "nmae"]);
  for (const field of fields) assert.ok(message.includes(field), field);
});

Deno.test("app: a body that is not JSON, empty or not UTF-8 is refused with the reason", async () => {
  const { app } = testApp();
  for (const [body, reason] of [["{", /not JSON/], ["", /it is empty/]] as const) {
    const response = await post(app, "/v2/things/a", body);
    assert.equal(response.status, 400);
    assert.match((await errorOf(response)).message, reason);
  }
  const response = await app.fetch(
    new Request(url("/v2/things/a"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: new Uint8Array([0x22, 0xff, 0x22]),
    }),
  );
  assert.match((await errorOf(response)).message, /not valid UTF-8/);
});

Deno.test("app: a body of too many levels is refused, a limit of its own or not", async () => {
  const levels = (count: number) => "[".repeat(count) + "]".repeat(count);
  const messageOf = async ({ app }: { app: App }, count: number) =>
    (await errorOf(await post(app, "/v2/things/a", levels(count)))).message;
  assert.doesNotMatch(await messageOf(testApp(), 192), /levels/);
  assert.match(await messageOf(testApp(), 193), /: the body has more than 192 levels$/);
  assert.doesNotMatch(await messageOf(testApp({ maxLevels: 200 }), 200), /levels/);
  assert.match(await messageOf(testApp({ maxLevels: 200 }), 201), /more than 200 levels$/);
});

Deno.test("app: an unknown path is 404, a known one with another method 405 with Allow", async () => {
  const { app } = testApp();
  const missing = await get(app, "/v2/nothing");
  assert.equal(missing.status, 404);
  assert.equal((await errorOf(missing)).code, "NOT_FOUND");
  assert.equal(missing.headers.get("allow"), null);
  const wrong = await app.fetch(new Request(url("/v2/things/a"), { method: "DELETE" }));
  assert.equal(wrong.status, 405);
  assert.equal(wrong.headers.get("allow"), "POST, GET");
  assert.equal((await errorOf(wrong)).code, "METHOD_NOT_ALLOWED");
});

Deno.test("app: a body of another type is 415, one that is too large 413", async () => {
  const { app } = testApp();
  const plain = await post(app, "/v2/things/a", "{}", { "content-type": "text/plain" });
  assert.equal(plain.status, 415);
  assert.equal((await errorOf(plain)).code, "UNSUPPORTED_MEDIA_TYPE");
  const large = await post(app, "/v2/things/a", { name: "x".repeat(1000), count: 1 });
  assert.equal(large.status, 413);
  assert.equal((await errorOf(large)).code, "PAYLOAD_TOO_LARGE");
});

Deno.test("app: the size of a body is limited even without a content-length", async () => {
  const { app } = testApp();
  let sent = 0;
  const given = Promise.withResolvers<void>();
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      sent += 100_000;
      controller.enqueue(new Uint8Array(100_000).fill(0x20));
    },
    cancel: () => given.resolve(),
  });
  const response = await app.fetch(
    new Request(url("/v2/things/a"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: endless,
    }),
  );
  assert.equal(response.status, 413);
  await response.body?.cancel();
  // Some more is read and dropped, so that a client reads the reply.
  await given.promise;
  assert.ok(sent <= 65 * 1024 * 1024);
});

Deno.test("app: a body that does not arrive in time is refused, and may be sent again", async () => {
  const { app } = testApp();
  const response = await app.fetch(
    new Request(url("/v2/things/a"), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: new ReadableStream({}),
    }),
  );
  assert.equal(response.status, 400);
  const { code, message, retriable } = await errorOf(response);
  assert.equal(code, "INVALID_REQUEST");
  assert.match(message, /did not arrive within 50 ms/);
  assert.equal(retriable, true);
});

Deno.test("app: a truncated body is the caller's fault", async () => {
  const { app } = testApp();
  const body = new ReadableStream({ pull: (controller) => controller.error(new Error("gone")) });
  const headers = { "content-type": "application/json" };
  const response = await app.fetch(
    new Request(url("/v2/things/a"), { method: "POST", headers, body }),
  );
  assert.equal(response.status, 400);
  assert.match((await errorOf(response)).message, /ended early/);
});

Deno.test("app: a parameter may hold encoded slashes and colons", async () => {
  const { app } = testApp();
  const ref = "hf:org/repo@main::file=a b.gguf";
  const response = await post(app, `/v2/models/${encodeURIComponent(ref)}/load`, "");
  assert.deepEqual(await response.json(), { ref });
});

Deno.test("app: a parameter with a line break is still a parameter", async () => {
  const { app } = testApp();
  const response = await get(app, "/v2/things/a%0Ab");
  assert.notEqual(response.status, 404);
  assert.notEqual(response.status, 405);
  await response.body?.cancel();
});

Deno.test("app: a badly encoded path gets a reply and is no crash", async () => {
  const { app } = testApp();
  const response = await get(app, "/v2/things/%zz");
  assert.ok(response.status < 500);
  await response.body?.cancel();
});

Deno.test("app: a harmless correlation id is kept, any other replaced", async () => {
  const { app } = testApp();
  const idFor = async (given?: string, path = "/v2/things/a") => {
    const response = await get(app, path, given === undefined ? {} : { "x-correlation-id": given });
    await response.body?.cancel();
    return response.headers.get("x-correlation-id") ?? "";
  };
  assert.equal(await idFor("Abc-123"), "Abc-123");
  assert.equal(await idFor("Abc-123", "/nowhere"), "Abc-123");
  for (const bad of [undefined, "", "a b", "x".repeat(65), "<script>"]) {
    assert.match(await idFor(bad), /^[0-9a-f-]{36}$/);
  }
});

Deno.test("app: the body of an error has its correlation id too", async () => {
  const { app } = testApp({ fail: new LlorchError("CONFLICT", "There is one already") });
  const response = await get(app, "/v2/things/a", { "x-correlation-id": "abc" });
  assert.equal(response.status, 409);
  assert.equal((await errorOf(response)).correlation_id, "abc");
});

Deno.test("app: an unexpected error is INTERNAL; only the log has its message", async () => {
  const fail = new Error("password is hunter2");
  const { app, lines } = testApp({ fail });
  const response = await get(app, "/v2/things/a", { "x-correlation-id": "abc" });
  assert.equal(response.status, 500);
  const text = await response.text();
  assert.doesNotMatch(text, /hunter2|app_test/);
  assert.equal(errorBody.parse(JSON.parse(text)).error.code, "INTERNAL");
  assert.deepEqual(lines, [{
    level: "error",
    event: "request_failed",
    fields: { correlation_id: "abc", method: "GET", path: "/v2/things/a", error: fail },
  }]);
});

Deno.test("app: errors that callers cause are not logged as failures", async () => {
  const { app, lines } = testApp({ fail: new LlorchError("NOT_FOUND", "No such thing") });
  await (await get(app, "/v2/things/a")).body?.cancel();
  assert.deepEqual(lines, []);
});

Deno.test("app: under /v1 errors come in OpenAI's envelope, with Retry-After in seconds", async () => {
  const { app } = testApp();
  const full = await post(app, "/v1/chat", { model: "demo" });
  assert.equal(full.status, 429);
  assert.equal(full.headers.get("retry-after"), "2");
  const { error } = openaiErrorBody.parse(await full.json());
  assert.equal(error.code, "queue_full");
  assert.equal(error.type, "rate_limit_error");

  const invalid = await post(app, "/v1/chat", { model: 1 });
  assert.equal(openaiErrorBody.parse(await invalid.json()).error.param, "model");
  const missing = await get(app, "/v1/nothing");
  assert.equal(openaiErrorBody.parse(await missing.json()).error.code, "not_found");
  const wrong = await get(app, "/v1/chat");
  assert.equal(wrong.status, 405);
  assert.equal(openaiErrorBody.parse(await wrong.json()).error.code, "method_not_allowed");
});

const ROLES: readonly Role[] = ["client", "operator", "pool", "worker"];

for (const role of ROLES) {
  Deno.test(`app: a route for ${role}s needs the token, which is checked before anything else`, async () => {
    const app = createApp({
      title: "test",
      log: recordingLog([]),
      authorize: bearerAuth("right"),
    });
    app.mount({ ...create, role }, ({ params }) => ({ id: params.id, name: "" }));
    const status = async (headers: HeadersInit) => {
      const response = await post(app, "/v2/things/a", { name: "x", count: 1 }, headers);
      await response.body?.cancel();
      return [response.status, response.headers.get("www-authenticate")];
    };
    assert.deepEqual(await status({}), [401, "Bearer"]);
    assert.deepEqual(await status({ authorization: "Bearer wrong" }), [401, "Bearer"]);
    assert.deepEqual(await status({ authorization: "Bearer rightt" }), [401, "Bearer"]);
    assert.deepEqual(await status({ authorization: "Basic right" }), [401, "Bearer"]);
    assert.deepEqual(await status({ authorization: "bearer right" }), [202, null]);
    const unreadable = await post(app, "/v2/things/a", "{", {});
    assert.equal(unreadable.status, 401);
    await unreadable.body?.cancel();
  });
}

Deno.test("bearerAuth() accepts a second token for the same role", () => {
  const authorize = bearerAuth("one", "two");
  const call = (token: string) =>
    authorize(new Request(url("/"), { headers: { authorization: `Bearer ${token}` } }), {
      role: "pool",
    });
  call("one");
  call("two");
  assert.throws(() => call("three"), { code: "UNAUTHORIZED" });
});

Deno.test("app: a route without a role is open, token or not", async () => {
  const app = createApp({ title: "test", log: recordingLog([]), authorize: bearerAuth("right") });
  app.mount({ ...read, role: "none" }, ({ params }) => ({ id: params.id }));
  assert.equal((await get(app, "/v2/things/a")).status, 200);
});

Deno.test("app: no reply's content type may be guessed", async () => {
  const { app } = testApp();
  const replies = [
    await get(app, "/v2/things/a"),
    await post(app, "/v2/things/1", {}),
    await get(app, "/nosuch"),
  ];
  assert.deepEqual(replies.map(({ status }) => status), [200, 400, 404]);
  for (const { headers } of replies) assert.equal(headers.get("x-content-type-options"), "nosniff");
});

Deno.test("app: a handler may return a complete response", async () => {
  const app = createApp({ title: "test", log: recordingLog([]), authorize: () => undefined });
  app.mount(read, () => new Response("text", { status: 203 }));
  const response = await get(app, "/v2/things/a");
  assert.equal(response.status, 203);
  assert.ok(response.headers.has("x-correlation-id"));
  assert.equal(await response.text(), "text");
});

Deno.test("no token, no bind beyond loopback", () => {
  for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "::1"]) {
    requireTokenOffLoopback(host, undefined);
  }
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "localhost.example.org", "127.example.org"]) {
    assert.throws(() => requireTokenOffLoopback(host, undefined), /without a token/, host);
    requireTokenOffLoopback(host, "token");
  }
});
