import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { withGuarded } from "../../daemons/orchestratord/testing/guarded.ts";
import { withHarness } from "../../daemons/orchestratord/testing/harness.ts";
import { browserTest, signIn, withBrowser } from "../support/browser.ts";

/** Serves an empty page at another origin, and stops when the test is over. */
async function withSite(test: (port: number) => Promise<void>): Promise<void> {
  const site = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("<h1>other</h1>", { headers: { "content-type": "text/html" } }),
  );
  try {
    await test(site.addr.port);
  } finally {
    await site.shutdown();
  }
}

/** What a page's script gets of a call. */
interface Seen {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Calls from a page's script; undefined if the browser shows it no reply. */
function ask(page: Page, url: string, init: Record<string, unknown>): Promise<Seen | undefined> {
  return page.evaluate(`fetch(${JSON.stringify(url)}, ${JSON.stringify(init)}).then(
    async (reply) => ({
      status: reply.status,
      text: await reply.text(),
      headers: Object.fromEntries(reply.headers),
    }),
    () => undefined,
  )`);
}

const JSON_TYPE = { "content-type": "application/json" };
const messages = [{ role: "user", content: "w1" }];
const question = JSON.stringify({ model: "counter", messages, max_tokens: 3 });
const chat = (headers: Record<string, string> = {}, more: Record<string, unknown> = {}) => ({
  method: "POST",
  headers: { ...JSON_TYPE, ...headers },
  body: question,
  ...more,
});

browserTest(
  "a page of another site can use inference with a key of its own, and only that",
  async () => {
    await withSite(async (port) => {
      await withGuarded({}, async ({ url, key, pool: open }) => {
        const pool = await open();
        const operator = await key({ name: "op", role: "operator" });
        const authorization = `Bearer ${operator.secret}`;
        await withBrowser(async (browser) => {
          const page = await browser.open(url);
          await signIn(page, operator.secret);
          // The first is another site, the second the same site, to whose calls the browser adds the cookie.
          for (const host of ["localhost", "127.0.0.1"]) {
            await page.goto(`http://${host}:${port}/`);

            const answer = await ask(page, `${url}/v1/chat/completions`, chat({ authorization }));
            assert.equal(answer?.status, 200);
            assert.match(answer.text, /w1 w2 w3/);
            assert.ok(answer.headers["x-correlation-id"]);
            const vendor = {
              "x-api-key": operator.secret,
              "anthropic-version": "2023-06-01",
              "anthropic-dangerous-direct-browser-access": "true",
              "x-stainless-lang": "js",
            };
            const body = JSON.stringify({ ...JSON.parse(question), stream: true });
            const streamed = await ask(page, `${url}/v1/messages`, { ...chat(vendor), body });
            assert.equal(streamed?.status, 200);
            assert.match(streamed.text, /event: message_stop/);
            const unknown = {
              ...chat({ authorization }),
              body: question.replace("counter", "nosuch"),
            };
            const failed = await ask(page, `${url}/v1/chat/completions`, unknown);
            assert.match(failed?.text ?? "", /model_not_found/);

            const asked = pool.only().executions.length;
            const credentials = "include";
            const refused: [string, Record<string, unknown>][] = [
              ["/v1/chat/completions", chat()],
              ["/v1/chat/completions", chat({}, { credentials })],
              ["/v1/chat/completions", chat({ authorization }, { credentials })],
              ["/v1/chat/completions", chat({ authorization: "Bearer wrong" })],
              ["/v1/chat/completions", chat({ authorization, "x-llorch-console": "1" })],
              ["/v1/models", { credentials }],
              ["/v2/tasks", chat({ authorization })],
              ["/v2/keys", { headers: { authorization } }],
              ["/v2/session", { method: "POST", body: `{"key":"${operator.secret}"}` }],
              ["/v2/session", { method: "DELETE", credentials }],
              ["/v2/events", { credentials }],
            ];
            for (const [path, init] of refused) {
              const seen = await ask(page, url + path, init);
              assert.equal(seen, undefined, `${host}: ${path} ${JSON.stringify(init)}`);
            }
            await ask(page, `${url}/api/chat`, {
              method: "POST",
              body: question,
              mode: "no-cors",
              credentials,
            });
            assert.equal(pool.only().executions.length, asked);
          }
          // The session has outlived it all.
          await page.goto(url);
          await page.getByText("live", { exact: true }).waitFor();
        });
      });
    });
  },
);

browserTest(
  "without a token a page that is not listed can use nothing, by any name and with any text as key",
  async () => {
    await withSite(async (port) => {
      const settings = {
        cors: { origins: [`http://localhost:${port}`] },
        http: { host_names: ["ours.example"] },
      };
      await withHarness(settings, async ({ url, pool }) => {
        const first = await fetch(`${url}/v1/chat/completions`, chat());
        assert.equal(first.status, 200);
        await first.body?.cancel();
        const service = new URL(url).port;
        await withBrowser(async (browser) => {
          // The listed page, first so that no refusal was for another reason.
          const page = await browser.open(`http://localhost:${port}/`);
          const answer = await ask(page, `${url}/v1/chat/completions`, chat());
          assert.match(answer?.text ?? "", /w1 w2 w3/);
          const wrong = await ask(page, `${url}/v1/chat/completions`, { ...chat(), body: "{}" });
          assert.equal(wrong?.status, 400);
          assert.equal(await ask(page, `${url}/v2/queue`, {}), undefined);

          const asked = pool.only().executions.length;
          for (const host of ["127.0.0.1", "evil.example"]) {
            await page.goto(`http://${host}:${port}/`);
            for (const key of [{}, { authorization: "Bearer any" }, { "x-api-key": "any" }]) {
              for (const path of ["/v1/chat/completions", "/v1/messages", "/api/chat"]) {
                assert.equal(await ask(page, url + path, chat(key)), undefined, `${host}: ${path}`);
              }
              assert.equal(await ask(page, `${url}/v1/models`, { headers: key }), undefined);
              assert.equal(await ask(page, `${url}/v2/queue`, { headers: key }), undefined);
            }
            // The browser sends this one without asking first.
            const form = { method: "POST", body: question, mode: "no-cors" };
            await ask(page, `${url}/api/chat`, form);
            await ask(page, `${url}/v2/models/counter/unload`, form);
          }

          // Now the page's own name points to this machine: for the browser, it is the same site.
          await page.goto(`http://evil.example:${service}/`);
          for (const path of ["/v1/models", "/v2/queue", "/api/tags"]) {
            assert.equal((await ask(page, path, {}))?.status, 403, path);
          }
          const key = { authorization: "Bearer any" };
          assert.equal((await ask(page, "/v1/chat/completions", chat(key)))?.status, 403);
          assert.equal(pool.only().executions.length, asked);

          // A name that is listed is ours.
          await page.goto(`http://ours.example:${service}/`);
          assert.equal((await ask(page, "/v1/models", {}))?.status, 200);
        }, ["evil.example", "ours.example"]);
        assert.equal(pool.spawns, 1);
      });
    });
  },
);
