import assert from "node:assert/strict";
import { z } from "zod";
import { defineRoute } from "../contracts/route.ts";
import { LlorchError } from "../errors.ts";
import { createLogger } from "../logging.ts";
import { createApp } from "./app.ts";
import { StreamResponse } from "./stream_response.ts";

const base = {
  summary: "",
  tag: "test",
  role: "client",
  status: 200,
  kind: "json",
  errors: [],
} as const;
const ask = defineRoute({ ...base, method: "POST", path: "/v1/ask", pages: true });
const find = defineRoute({ ...base, method: "GET", path: "/v1/answers/{id}", pages: true });
const erase = defineRoute({ ...base, method: "DELETE", path: "/v1/answers/{id}", pages: true });
const keys = defineRoute({ ...base, method: "POST", path: "/v2/keys", reply: z.object({}) });

const LISTED = "app://listed";
const URL_BASE = "http://127.0.0.1:8080";

function testApp() {
  const app = createApp({
    title: "test",
    log: createLogger("test"),
    authorize({ headers }) {
      if (headers.has("x-busy")) {
        throw new LlorchError("RATE_LIMITED", "Too many", { retryAfterMs: 5000 });
      }
    },
    mayRead: ({ headers }) => headers.get("origin") === LISTED,
    meantPath: (path) => path === "/ask" ? "/v1/ask" : path,
  });
  async function* frames() {
    yield new Uint8Array([1]);
  }
  const format = { contentType: "text/event-stream" };
  app.mount(
    ask,
    ({ request }) =>
      request.headers.has("x-stream")
        ? new StreamResponse(frames(), { format, keepAliveMs: 60_000 })
        : Response.json({}, { headers: { vary: "Accept" } }),
  );
  app.mount(find, () => Response.json({}));
  app.mount(erase, () => Response.json({}));
  app.mount(keys, () => ({}));
  return (method: string, path: string, headers: Record<string, string> = {}) =>
    app.fetch(new Request(URL_BASE + path, { method, headers }));
}

/** Sends a preflight for a page, as a browser does. */
const preflight = (call: ReturnType<typeof testApp>, path: string, asked?: string) =>
  call("OPTIONS", path, {
    origin: "https://any.example",
    "access-control-request-method": "POST",
    ...(asked === undefined ? {} : { "access-control-request-headers": asked }),
  });

/** Headers of a reply that speak of pages. */
const corsOf = ({ headers }: Response) =>
  [...headers.keys()].filter((name) => name.startsWith("access-control-"));

Deno.test("a preflight of a route for pages is answered to any origin, without credentials", async () => {
  const reply = await preflight(testApp(), "/v1/ask");
  assert.equal(reply.status, 204);
  assert.equal(reply.headers.get("access-control-allow-origin"), "https://any.example");
  assert.equal(reply.headers.get("access-control-allow-methods"), "POST");
  assert.equal(
    reply.headers.get("access-control-allow-headers"),
    "authorization, x-api-key, content-type",
  );
  assert.equal(reply.headers.get("access-control-max-age"), "7200");
  assert.equal(reply.headers.get("access-control-allow-credentials"), null);
  assert.match(reply.headers.get("vary") ?? "", /Origin/);
  assert.ok(reply.headers.has("x-correlation-id"));
});

Deno.test("a preflight allows the vendors' headers that it asks for, and no others", async () => {
  const known = [
    "anthropic-version",
    "anthropic-beta",
    "anthropic-dangerous-direct-browser-access",
    "x-stainless-os",
    "x-stainless-retry-count",
    "openai-organization",
    "idempotency-key",
    "user-agent",
  ];
  const unknown = ["x-llorch-console", "x-evil", "anthropic-evil", "x-stainless-", "cookie", ""];
  const asked = [...known, ...unknown, "OpenAI-Project"].join(", ");
  const reply = await preflight(testApp(), "/v1/ask", asked);
  assert.deepEqual(reply.headers.get("access-control-allow-headers")?.split(", "), [
    "authorization",
    "x-api-key",
    "content-type",
    ...known,
    "openai-project",
  ]);
});

Deno.test("a preflight names all methods of its path, also where the path means another", async () => {
  const call = testApp();
  const one = await preflight(call, "/v1/answers/a");
  assert.equal(one.headers.get("access-control-allow-methods"), "GET, DELETE");
  assert.equal((await preflight(call, "/ask")).status, 204);
});

Deno.test("a listed page may read that a path near routes for pages is not there", async () => {
  const call = testApp();
  const asked = await preflight(call, "/v1/nothing");
  assert.equal(asked.status, 204);
  assert.equal(asked.headers.get("access-control-allow-methods"), "POST, GET, DELETE");
  const shown = await call("POST", "/v1/nothing", { origin: LISTED });
  assert.equal(shown.status, 404);
  assert.equal(shown.headers.get("access-control-allow-origin"), LISTED);
  const hidden = await call("POST", "/v1/nothing", { origin: "app://other" });
  assert.equal(hidden.status, 404);
  assert.deepEqual(corsOf(hidden), []);
  for (const reply of [shown, hidden]) await reply.body?.cancel();
});

Deno.test("other routes, paths near them and OPTIONS that are no preflight know nothing of pages", async () => {
  const call = testApp();
  for (const [path, status] of [["/v2/keys", 405], ["/v2/nothing", 404], ["/", 404]] as const) {
    const reply = await preflight(call, path);
    assert.equal(reply.status, status, path);
    assert.deepEqual(corsOf(reply), [], path);
    await reply.body?.cancel();
  }
  const plain = [{}, { origin: LISTED }, { "access-control-request-method": "POST" }];
  for (const headers of plain) {
    const reply = await call("OPTIONS", "/v1/ask", headers as Record<string, string>);
    assert.equal(reply.status, 405);
    assert.equal(reply.headers.get("access-control-allow-methods"), null);
    await reply.body?.cancel();
  }
  const reply = await call("POST", "/v2/keys", { origin: LISTED });
  assert.equal(reply.status, 200);
  assert.deepEqual(corsOf(reply), []);
  assert.equal(reply.headers.get("vary"), null);
  await reply.body?.cancel();
});

Deno.test("an answer that a page may read names it: JSON, streams, and errors of every kind", async () => {
  const call = testApp();
  const cases: [method: string, path: string, headers: Record<string, string>, status: number][] = [
    ["POST", "/v1/ask", {}, 200],
    ["POST", "/v1/ask", { "x-stream": "1" }, 200],
    ["GET", "/v1/answers/a", {}, 200],
    ["HEAD", "/v1/answers/a", {}, 200],
    ["POST", "/v1/ask", { "x-busy": "1" }, 429],
    ["GET", "/v1/ask", {}, 405],
  ];
  for (const [method, path, headers, status] of cases) {
    const shown = await call(method, path, { ...headers, origin: LISTED });
    assert.equal(shown.status, status);
    assert.equal(shown.headers.get("access-control-allow-origin"), LISTED, `${method} ${path}`);
    const exposed = shown.headers.get("access-control-expose-headers")?.split(", ") ?? [];
    for (const name of ["x-request-id", "x-correlation-id", "retry-after"]) {
      assert.ok(exposed.includes(name), name);
    }
    assert.equal(shown.headers.get("access-control-allow-credentials"), null);
    await shown.body?.cancel();

    for (const origin of [{}, { origin: "app://other" }]) {
      const hidden = await call(method, path, { ...headers, ...origin });
      assert.equal(hidden.status, status);
      assert.deepEqual(corsOf(hidden), []);
      // A cache must not give one page's answer to another.
      assert.match(hidden.headers.get("vary") ?? "", /\bOrigin$/);
      await hidden.body?.cancel();
    }
  }
  const both = await call("POST", "/v1/ask", { origin: LISTED });
  assert.equal(both.headers.get("vary"), "Accept, Origin");
});
