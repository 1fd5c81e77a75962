import assert from "node:assert/strict";
import { type IncomingHttpHeaders, request as httpRequest } from "node:http";
import { orchestratorRoutes, type Route } from "#shared/contracts/mod.ts";
import { createLogger } from "#shared/logging.ts";
import { configSchema } from "./config.ts";
import { Orchestratord } from "./daemon.ts";
import { ROOT, withGuarded } from "./testing/guarded.ts";
import { withHarness } from "./testing/harness.ts";

const ANYWHERE = "https://any.example";
const APP = "app://obsidian.md";
const messages = [{ role: "user", content: "w1" }];

/** A call of each way to generate, in each vendor's API. */
const CALLS: Readonly<Record<string, Record<string, unknown>>> = {
  "/v1/chat/completions": { messages, max_tokens: 1 },
  "/v1/completions": { prompt: "w1", max_tokens: 1 },
  "/v1/embeddings": { input: "w1" },
  "/v1/responses": { input: "w1", max_output_tokens: 1 },
  "/v1/messages": { messages, max_tokens: 1 },
  "/api/chat": { messages, stream: false, options: { num_predict: 1 } },
  "/api/generate": { prompt: "w1", stream: false, options: { num_predict: 1 } },
};

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The origin whose pages may read the reply. */
  readonly shownTo: string | undefined;
}

/** Calls with any header, `Host` too, which `fetch` would not send. */
function call(
  url: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: unknown,
): Promise<Reply> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const type: Record<string, string> = text === undefined
    ? {}
    : { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const options = { method, headers: { ...type, ...headers }, agent: false };
    const sent = httpRequest(url + path, options, async (reply) => {
      const parts: Uint8Array[] = [];
      for await (const part of reply) parts.push(part);
      assert.equal(reply.headers["access-control-allow-credentials"], undefined);
      resolve({
        status: reply.statusCode ?? 0,
        headers: reply.headers,
        text: await new Blob(parts as BlobPart[]).text(),
        shownTo: reply.headers["access-control-allow-origin"],
      });
    });
    sent.on("error", reject);
    sent.end(text);
  });
}

/** Asks for a chat of one token. */
const chat = (url: string, headers: Record<string, string>, more: Record<string, unknown> = {}) =>
  call(url, "POST", "/v1/chat/completions", headers, {
    model: "counter",
    messages,
    max_tokens: 1,
    ...more,
  });

const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

Deno.test("without a token and a key: pages of apps may ask and read, and all others may not", async () => {
  await withHarness({}, async ({ url, pool }) => {
    for (const origin of [APP, "tauri://localhost", "vscode-webview://1a2b"]) {
      for (const site of [{}, { "sec-fetch-site": "cross-site" }]) {
        const { status, shownTo, headers } = await chat(url, { origin, ...site });
        assert.deepEqual([status, shownTo], [200, origin]);
        assert.equal(headers.vary, "Origin");
      }
    }
    const asked = pool.only().executions.length;
    const others = [
      "http://localhost",
      "http://localhost:3000",
      "chrome-extension://abcdef",
      "file://",
      "null",
      ANYWHERE,
    ];
    for (const origin of others) {
      for (const site of [{}, { "sec-fetch-site": "cross-site" }]) {
        const { status, shownTo, text } = await chat(url, { origin, ...site });
        assert.deepEqual([status, shownTo], [403, undefined], origin);
        const { message } = JSON.parse(text).error;
        assert.equal(
          message,
          `A page of another site may not change anything: ${
            origin === "null" ? "" : `list its origin (${origin}) in cors.origins, or `
          }send an API key`,
        );
      }
      const list = await call(url, "GET", "/v1/models", { origin });
      assert.equal(list.shownTo, undefined, origin);
    }
    assert.equal(pool.only().executions.length, asked);
  });
});

Deno.test("cors.origins lists pages by scheme or whole origin, and only what it lists", async () => {
  const cases: [origins: string[], may: string[], mayNot: string[]][] = [
    [[], [], [APP, "null"]],
    [["null"], ["null"], [APP, "file://"]],
    [["file://"], ["file://"], ["null"]],
    [["http://localhost"], ["http://localhost"], ["http://localhost:3000", "https://localhost"]],
    [["http://localhost:3000"], ["http://localhost:3000"], ["http://localhost:30001"]],
    [["chrome-extension://"], ["chrome-extension://abcdef"], [APP]],
    [["*"], ["null", ANYWHERE, APP], []],
  ];
  for (const [origins, may, mayNot] of cases) {
    await withHarness({ cors: { origins } }, async ({ url }) => {
      for (const origin of may) {
        const { status, shownTo } = await chat(url, { origin });
        assert.deepEqual([status, shownTo], [200, origin], `${origins}: ${origin}`);
      }
      for (const origin of mayNot) {
        const { status, shownTo } = await chat(url, { origin });
        assert.deepEqual([status, shownTo], [403, undefined], `${origins}: ${origin}`);
      }
    });
  }
});

Deno.test("without a token a page needs a key that exists: any other text is no key", async () => {
  await withHarness({}, async ({ url, client, pool }) => {
    await chat(url, {});
    const { secret, key_id } = await client.call(orchestratorRoutes.createKey, {
      body: { name: "page" },
    });
    const asked = pool.only().executions.length;
    for (const path of Object.keys(CALLS)) {
      const body = { model: "counter", ...CALLS[path] };
      for (const key of [bearer("x"), { "x-api-key": "sk-any" }]) {
        const { status, shownTo } = await call(
          url,
          "POST",
          path,
          { origin: ANYWHERE, ...key },
          body,
        );
        assert.deepEqual([status, shownTo], [403, undefined], path);
      }
    }
    const forged = bearer(`llorch_${key_id}_${"0".repeat(64)}`);
    const unknown = await chat(url, { origin: ANYWHERE, ...forged });
    assert.deepEqual([unknown.status, unknown.shownTo], [401, undefined]);
    const undrain = await call(url, "POST", "/v2/pools/p1/undrain", {
      origin: ANYWHERE,
      ...bearer("x"),
    });
    assert.equal(undrain.status, 403);
    const models = await call(url, "GET", "/v1/models", { origin: ANYWHERE, ...bearer("x") });
    assert.equal(models.shownTo, undefined);
    assert.equal(pool.only().executions.length, asked);

    const right = await chat(url, { origin: ANYWHERE, ...bearer(secret) });
    assert.deepEqual([right.status, right.shownTo], [200, ANYWHERE]);
    // Programs that are no browser may still send any text.
    assert.equal((await chat(url, bearer("x"))).status, 200);
  });
});

Deno.test("with a right key every page may ask in every dialect and read the answer, a stream too", async () => {
  await withGuarded({}, async ({ url, key, pool }) => {
    await pool();
    const { secret } = await key({ name: "page" });
    for (const own of [bearer(secret), { "x-api-key": secret }, bearer(ROOT)]) {
      const from = { origin: ANYWHERE, "sec-fetch-site": "cross-site", ...own };
      for (const path of Object.keys(CALLS)) {
        const body = { model: "counter", ...CALLS[path] };
        const { status, shownTo, headers } = await call(url, "POST", path, from, body);
        assert.deepEqual([status, shownTo, headers.vary], [200, ANYWHERE, "Origin"], path);
        assert.match(headers["access-control-expose-headers"] ?? "", /x-correlation-id/);
        const streamed = await call(url, "POST", path, from, { ...body, stream: true });
        if (path !== "/v1/embeddings") {
          assert.match(streamed.headers["transfer-encoding"]!, /chunk/);
        }
        assert.deepEqual([streamed.status, streamed.shownTo], [200, ANYWHERE], path);
      }
      for (
        const path of ["/v1/models", "/v1/models/counter", "/models", "/api/tags", "/api/version"]
      ) {
        assert.equal((await call(url, "GET", path, from)).shownTo, ANYWHERE, path);
      }
    }
  });
});

Deno.test("a right key shows a page its errors; a wrong one, a revoked one or none does not", async () => {
  await withGuarded({}, async ({ url, root, key, pool }) => {
    await pool();
    const page = await key({ name: "page", limits: { requests_per_minute: 2 } });
    const gone = await key({ name: "gone" });
    await root.call(orchestratorRoutes.revokeKey, { params: { id: gone.key_id } });
    const poolKey = await key({ name: "pool", role: "pool" });
    const ask = (headers: Record<string, string>, model = "counter") =>
      chat(url, { origin: ANYWHERE, ...headers }, { model });
    const seen = async (reply: Promise<Reply>) => [(await reply).status, (await reply).shownTo];

    assert.deepEqual(await seen(ask(bearer(page.secret), "nosuch")), [404, ANYWHERE]);
    const wrong = call(url, "POST", "/v1/messages", {
      origin: ANYWHERE,
      "x-api-key": page.secret,
    }, {});
    assert.deepEqual(await seen(wrong), [400, ANYWHERE]);
    const limited = await ask(bearer(page.secret));
    assert.deepEqual([limited.status, limited.shownTo], [429, ANYWHERE]);
    assert.ok(limited.headers["retry-after"]);
    assert.match(limited.headers["access-control-expose-headers"] ?? "", /retry-after/);
    assert.deepEqual(await seen(ask(bearer(poolKey.secret))), [403, ANYWHERE]);

    for (const own of [bearer(`${page.secret}0`), { "x-api-key": "x" }, bearer(gone.secret)]) {
      assert.deepEqual(await seen(ask(own)), [401, undefined]);
      const version = call(url, "GET", "/api/version", { origin: ANYWHERE, ...own });
      assert.deepEqual(await seen(version), [200, undefined]);
    }
    const basic = { authorization: `Basic ${page.secret}` };
    for (const own of [{}, basic]) assert.deepEqual(await seen(ask(own)), [403, undefined]);
  });
});

Deno.test("with a token a listed page needs a key, and may read the errors of its calls", async () => {
  await withGuarded({}, async ({ url, key, pool }) => {
    await pool();
    const { secret } = await key({ name: "page" });
    const seen = async (reply: Promise<Reply>) => [(await reply).status, (await reply).shownTo];
    assert.deepEqual(await seen(chat(url, { origin: APP })), [401, APP]);
    assert.deepEqual(await seen(chat(url, { origin: APP, ...bearer("x") })), [401, APP]);
    assert.deepEqual(await seen(chat(url, { origin: APP, ...bearer(secret) })), [200, APP]);
    const ask = (method: string, path: string) => seen(call(url, method, path, { origin: APP }));
    assert.deepEqual(await ask("GET", "/v1/models"), [401, APP]);
    assert.deepEqual(await ask("GET", "/api/version"), [200, APP]);
    assert.deepEqual(await ask("DELETE", "/v1/chat/completions"), [405, APP]);
    const long = { origin: APP, "x-long": "a".repeat(20_000) };
    assert.deepEqual(await seen(call(url, "GET", "/v1/models", long)), [431, APP]);
  });
});

Deno.test("a session's cookie is no use to pages of other sites, listed or not", async () => {
  await withGuarded({ cors: { origins: ["*"] } }, async ({ url, pool }) => {
    await pool();
    const signedIn = await call(url, "POST", "/v2/session", {}, { key: ROOT });
    const cookie = String(signedIn.headers["set-cookie"]).split(";")[0]!;
    const console = { cookie, "x-llorch-console": "1" };
    for (const origin of [APP, ANYWHERE, "null"]) {
      for (const site of [{}, { "sec-fetch-site": "same-site" }]) {
        const from = { origin, ...site, ...console };
        const asked = await chat(url, from);
        assert.deepEqual([asked.status, asked.shownTo], [403, undefined], origin);
        const read = await call(url, "GET", "/v1/models", from);
        assert.equal(read.shownTo, undefined);
      }
    }
    // Our own page may, and so may a page that has a key, whatever cookie comes with it.
    assert.equal((await chat(url, { origin: url, ...console })).status, 200);
    const both = await chat(url, { origin: APP, cookie, ...bearer(ROOT) });
    assert.deepEqual([both.status, both.shownTo], [200, APP]);
  });
});

Deno.test("sign-in and sign-out refuse pages of other sites before anything else, key or not", async () => {
  for (const run of [withHarness, withGuarded]) {
    await run({ cors: { origins: ["*"] } }, async ({ url }) => {
      for (const own of [{}, bearer(ROOT), { "x-api-key": ROOT }]) {
        for (const [method, body] of [["POST", { key: ROOT }], ["POST", []], ["DELETE"]] as const) {
          const from = { origin: APP, ...own };
          const { status, shownTo, headers } = await call(url, method, "/v2/session", from, body);
          assert.deepEqual([status, shownTo], [403, undefined]);
          assert.equal(headers["set-cookie"], undefined);
        }
      }
    });
  }
});

/** The routes that pages of other sites may call: inference, in the vendors' APIs; no files and batches. */
const FOR_PAGES =
  /^\/(v1\/(?!files|batches)|api\/)|^\/(infill|completion|embedding|tokenize|detokenize|apply-template|props)$/;

Deno.test("pages know inference routes only: preflights and answers of all others say nothing", async () => {
  await withGuarded({ cors: { origins: ["*"] } }, async ({ url }) => {
    for (const [name, route] of Object.entries<Route>(orchestratorRoutes)) {
      assert.equal(route.pages === true, FOR_PAGES.test(route.path), name);
      const path = route.path.replace(/\{\w+\}/g, "x");
      const reply = await call(url, "OPTIONS", path, {
        origin: ANYWHERE,
        "access-control-request-method": route.method,
        "access-control-request-headers": "authorization,content-type,x-llorch-console",
      });
      const allowed = reply.headers["access-control-allow-headers"];
      if (route.pages) {
        assert.deepEqual([reply.status, reply.text, reply.shownTo], [204, "", ANYWHERE], name);
        assert.match(reply.headers["access-control-allow-methods"]!, new RegExp(route.method));
        assert.equal(allowed, "authorization, x-api-key, content-type");
        continue;
      }
      assert.equal(reply.status, 405, name);
      assert.deepEqual([reply.shownTo, allowed], [undefined, undefined], name);
      const from = { origin: APP, ...bearer(ROOT) };
      // No route accepts this body.
      const answer = await fetch(url + path, {
        method: route.method,
        headers: { ...from, "content-type": "application/json" },
        ...(route.body ? { body: "[]" } : {}),
      });
      assert.equal(answer.headers.get("access-control-allow-origin"), null, name);
      await answer.body?.cancel();
    }
  });
});

Deno.test("a listed page may read that an inference path is not there, and nothing of other paths", async () => {
  await withHarness({}, async ({ url }) => {
    for (const path of ["/v1/audio/speech", "/v1/messages/batches", "/api/blobs/x", "/v1/x/y/z"]) {
      const asked = { origin: APP, "access-control-request-method": "POST" };
      const preflight = await call(url, "OPTIONS", path, asked);
      assert.deepEqual([preflight.status, preflight.shownTo], [204, APP], path);
      assert.match(preflight.headers["access-control-allow-methods"]!, /POST/);
      const { status, shownTo, headers } = await call(url, "POST", path, { origin: APP }, {});
      assert.deepEqual([status, shownTo, headers.vary], [404, APP, "Origin"], path);
      const other = await call(url, "POST", path, { origin: ANYWHERE }, {});
      assert.deepEqual([other.status, other.shownTo], [404, undefined], path);
    }
    for (
      const path of ["/v2/nothing", "/v1/files/x/nothing", "/v1/batches/x/nothing", "/nothing"]
    ) {
      const asked = { origin: APP, "access-control-request-method": "POST" };
      assert.equal((await call(url, "OPTIONS", path, asked)).shownTo, undefined, path);
      assert.equal((await call(url, "POST", path, { origin: APP }, {})).shownTo, undefined, path);
    }
  });
});

Deno.test("a preflight is answered under every path of a route, and says the same with and without a token", async () => {
  const asked = {
    origin: "http://localhost:3000",
    "access-control-request-method": "POST",
    "access-control-request-headers": "anthropic-version, content-type, x-stainless-os, x-other",
  };
  const headers: string[] = [];
  for (const run of [withHarness, withGuarded]) {
    await run({ cors: { origins: [] } }, async ({ url }) => {
      for (const path of ["/v1/chat/completions", "//v1/chat/completions/", "/chat/completions"]) {
        const reply = await call(url, "OPTIONS", path, asked);
        assert.deepEqual([reply.status, reply.shownTo], [204, asked.origin], path);
        assert.equal(reply.headers["access-control-max-age"], "7200");
        headers.push(reply.headers["access-control-allow-headers"]!);
      }
    });
  }
  const same = "authorization, x-api-key, content-type, anthropic-version, x-stainless-os";
  assert.deepEqual(headers, Array(6).fill(same));
});

Deno.test("http.host_names adds whole names where there is no token, and rebinding stays refused", async () => {
  const host = "host.docker.internal";
  const status = async (url: string, name: string) => {
    const { port } = new URL(url);
    return (await call(url, "GET", "/v1/models", { host: `${name}:${port}` })).status;
  };
  await withHarness({}, async ({ url }) => {
    assert.equal(await status(url, host), 403);
    const refused = await chat(url, { host: `${host}:8080` });
    assert.match(
      refused.text,
      /use its address or localhost, give it a token, or list the name in/,
    );
  });
  await withHarness({ http: { host_names: [host] } }, async ({ url }) => {
    assert.equal(await status(url, host), 200);
    assert.equal(await status(url, "Host.Docker.Internal"), 200);
    assert.equal((await chat(url, { host })).status, 200);
    assert.equal(await status(url, "localhost"), 200);
    const others = [
      "evil.example",
      `${host}.evil.example`,
      `evil.${host}`,
      "docker.internal",
      "hostxdockerxinternal",
      `${host}.`,
    ];
    for (const other of others) assert.equal(await status(url, other), 403, other);
    // By a name that is allowed, pages of other sites are refused as by any other.
    assert.equal((await chat(url, { host, origin: ANYWHERE })).status, 403);
  });
});

Deno.test("a reload changes cors.origins and http.host_names at once", async () => {
  const dir = await Deno.makeTempDir();
  const settings = (origins: string[], host_names: string[]) =>
    configSchema.parse({ port: 0, state_dir: dir, cors: { origins }, http: { host_names } });
  try {
    const log = createLogger("test");
    const daemon = await Orchestratord.open(settings(["app://"], []), { log });
    try {
      const { url } = daemon;
      const seen = async (origin: string, host: string) => {
        const { status, shownTo } = await call(url, "GET", "/v1/models", { origin, host });
        return [status, shownTo];
      };
      assert.deepEqual(await seen(APP, "localhost"), [200, APP]);
      assert.deepEqual(await seen(APP, "host.docker.internal"), [403, APP]);
      const { changed, kept } = daemon.reload(settings(["file://"], ["host.docker.internal"]));
      assert.deepEqual(changed, ["cors.origins", "http.host_names"]);
      assert.deepEqual(kept, []);
      assert.deepEqual(await seen(APP, "host.docker.internal"), [200, undefined]);
      assert.deepEqual(await seen("file://", "localhost"), [200, "file://"]);
    } finally {
      await daemon.close();
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
