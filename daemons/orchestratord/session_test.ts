import assert from "node:assert/strict";
import { ROOT, withGuarded } from "./testing/guarded.ts";
import { withHarness } from "./testing/harness.ts";

const OURS = { "x-llorch-console": "1" };

/** Sends a call as a browser does. */
async function send(
  url: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: unknown,
): Promise<{ status: number; text: string; headers: Headers }> {
  const reply = await fetch(url + path, {
    method,
    headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: reply.status, text: await reply.text(), headers: reply.headers };
}

/** Signs in and returns the cookie that a browser would send. */
async function signIn(url: string, key: string): Promise<string> {
  const { status, headers } = await send(url, "POST", "/v2/session", OURS, { key });
  assert.equal(status, 200);
  return headers.get("set-cookie")?.split(";")[0] ?? "";
}

Deno.test("a session's cookie is out of scripts' and other sites' reach, and is not the key", async () => {
  await withGuarded({}, async ({ url, key }) => {
    const { secret } = await key({ name: "op", role: "operator" });
    const { headers, text } = await send(url, "POST", "/v2/session", OURS, { key: secret });
    const cookie = headers.get("set-cookie") ?? "";
    assert.match(
      cookie,
      /^llorch_session=[0-9a-f]{64}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/,
    );
    assert.ok(!cookie.includes(secret.slice(-64)));
    assert.deepEqual(JSON.parse(text), { role: "operator", name: "op", is_open: false });
    const tls = { ...OURS, origin: "https://console.example", host: "console.example" };
    const secure = await send(url, "POST", "/v2/session", {
      ...tls,
      "sec-fetch-site": "same-origin",
    }, {
      key: secret,
    });
    assert.match(secure.headers.get("set-cookie") ?? "", /; Secure$/);
  });
});

Deno.test("a session may do what its key may, and no more", async () => {
  await withGuarded({}, async ({ url, key }) => {
    const cookie = await signIn(url, (await key({ name: "c" })).secret);
    const as = (method: string, path: string) => send(url, method, path, { ...OURS, cookie });
    assert.equal((await as("GET", "/v2/queue")).status, 200);
    assert.equal((await as("GET", "/v2/keys")).status, 403);
    assert.equal((await as("POST", "/v2/pools/p1/undrain")).status, 403);
    assert.deepEqual(JSON.parse((await as("GET", "/v2/session")).text), {
      role: "client",
      name: "c",
      is_open: false,
    });
    const operator = await signIn(url, ROOT);
    assert.equal((await send(url, "GET", "/v2/keys", { cookie: operator })).status, 200);
  });
});

Deno.test("a pool's key, a wrong key and no key do not sign in", async () => {
  await withGuarded({}, async ({ url, key }) => {
    const { secret } = await key({ name: "p", role: "pool" });
    const tries: [unknown, number][] = [
      [{ key: secret }, 403],
      [{ key: "wrong" }, 401],
      [{ key: `${ROOT}x` }, 401],
      [{}, 400],
    ];
    for (const [body, wanted] of tries) {
      const { status, headers } = await send(url, "POST", "/v2/session", OURS, body);
      assert.equal(status, wanted);
      assert.equal(headers.get("set-cookie"), null);
    }
    assert.equal((await send(url, "GET", "/v2/session")).status, 401);
    const forged = { cookie: `llorch_session=${"0".repeat(64)}` };
    assert.equal((await send(url, "GET", "/v2/session", forged)).status, 401);
  });
});

Deno.test("a session ends when it is signed out, and when its key is revoked", async () => {
  await withGuarded({}, async ({ url, key }) => {
    const { secret, key_id } = await key({ name: "op", role: "operator" });
    const [one, two] = [await signIn(url, secret), await signIn(url, secret)];
    const status = async (cookie: string) =>
      (await send(url, "GET", "/v2/session", { cookie })).status;
    const out = await send(url, "DELETE", "/v2/session", { ...OURS, cookie: one });
    assert.match(out.headers.get("set-cookie") ?? "", /^llorch_session=; .*Max-Age=0/);
    assert.deepEqual([await status(one), await status(two)], [401, 200]);
    const root = await signIn(url, ROOT);
    await send(url, "DELETE", `/v2/keys/${key_id}`, { ...OURS, cookie: root });
    assert.equal(await status(two), 401);
  });
});

Deno.test("a feed ends with the session or the key that it was opened with", async () => {
  await withGuarded({}, async ({ url, key }) => {
    const { secret, key_id } = await key({ name: "op", role: "operator" });
    const session = await signIn(url, secret);
    const [root, other] = [await signIn(url, ROOT), await signIn(url, ROOT)];
    const headers = [
      { cookie: session },
      { authorization: `Bearer ${secret}` },
      { cookie: root },
      { cookie: other },
    ];
    const feeds = await Promise.all(headers.map(async (each) => {
      const reply = await fetch(`${url}/v2/events?follow=true`, { headers: { ...OURS, ...each } });
      assert.equal(reply.status, 200);
      return reply;
    }));
    const ended = feeds.slice(0, 3).map((feed) => feed.text());
    await send(url, "DELETE", `/v2/keys/${key_id}`, { ...OURS, cookie: other });
    await send(url, "DELETE", "/v2/session", { ...OURS, cookie: root });
    for (const text of await Promise.all(ended)) assert.match(text, /^event: /m);
    const reader = feeds[3]!.body!.getReader();
    assert.equal((await reader.read()).done, false);
    await reader.cancel();
  });
});

Deno.test("a change with a cookie alone is refused: a form of another site cannot make it", async () => {
  await withGuarded({}, async ({ url }) => {
    const cookie = await signIn(url, ROOT);
    const post = (headers: Record<string, string>) =>
      send(url, "POST", "/v2/pools/p1/undrain", { cookie, ...headers });
    assert.equal((await post({})).status, 403);
    assert.equal((await post({ "sec-fetch-site": "cross-site", ...OURS })).status, 403);
    assert.equal((await post({ "sec-fetch-site": "same-site", ...OURS })).status, 403);
    assert.equal((await post({ origin: "https://evil.example", ...OURS })).status, 403);
    assert.equal((await post({ origin: "null", ...OURS })).status, 403);
    // The call is allowed: it only fails because there is no such pool.
    assert.equal((await post({ "sec-fetch-site": "same-origin", ...OURS })).status, 404);
    assert.equal((await post({ origin: url, ...OURS })).status, 404);
  });
});

Deno.test("where all is open, pages of other sites may change nothing either", async () => {
  await withHarness({}, async ({ url }) => {
    const post = async (headers: Record<string, string>) =>
      (await send(url, "POST", "/v2/pools/p1/undrain", headers)).status;
    assert.equal(await post({ "sec-fetch-site": "cross-site" }), 403);
    assert.equal(await post({ origin: "http://evil.example" }), 403);
    assert.equal(await post({}), 202);
    assert.equal(await post({ "sec-fetch-site": "same-origin" }), 202);
    const { text } = await send(url, "GET", "/v2/session");
    assert.deepEqual(JSON.parse(text), { role: "operator", is_open: true });
  });
});

Deno.test("where all is open, nobody is let in by a name that may be another site's", async () => {
  await withHarness({}, async ({ url }) => {
    for (const host of ["evil.example", "evil.example:80", "127.0.0.1.evil.example"]) {
      assert.equal(await rawStatus(url, host), 403, host);
    }
    for (const host of ["localhost", "127.0.0.1:9", "[::1]:9", "llorch.localhost"]) {
      assert.equal(await rawStatus(url, host), 200, host);
    }
  });
  await withGuarded({}, async ({ url }) => {
    assert.equal(await rawStatus(url, "llorch.example"), 401);
  });
});

/** The status of `GET /v2/queue` under a name of the service, which `fetch` would not send. */
async function rawStatus(url: string, host: string): Promise<number> {
  const { hostname, port } = new URL(url);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const head = `GET /v2/queue HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(head));
  const reply = new Uint8Array(100);
  const read = await connection.read(reply);
  return Number(
    /^HTTP\/1\.1 (\d+)/.exec(new TextDecoder().decode(reply.subarray(0, read ?? 0)))?.[1],
  );
}

Deno.test("the console is public, loads nothing from other sites, and is cached", async () => {
  await withGuarded({}, async ({ url }) => {
    for (const path of ["/", "/console/app.js", "/console/app.css", "/console/icon.svg"]) {
      const { status, headers, text } = await send(url, "GET", path, { accept: "text/html" });
      assert.equal(status, 200);
      const policy = headers.get("content-security-policy") ?? "";
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /);
      assert.ok(!policy.includes("unsafe"));
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.doesNotMatch(text, /https?:\/\/(?!www\.w3\.org\/|json-schema\.org\/)[\w.-]+\.\w+\//);
      const etag = headers.get("etag") ?? "";
      const known = { accept: "text/html", "if-none-match": etag };
      assert.equal((await send(url, "GET", path, known)).status, 304);
    }
    const { text } = await send(url, "GET", "/", { accept: "text/html" });
    assert.doesNotMatch(text, /<script(?![^>]* src=)|<style| style=| on\w+=/);
    assert.equal((await send(url, "GET", "/console/..%2fserve.ts")).status, 400);
  });
});
