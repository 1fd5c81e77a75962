/**
 * Requests at an orchestrator that does not lead are answered by the one that does.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readSse } from "#shared/http/sse.ts";
import { hopToken, secretSha256 } from "#shared/secrets.ts";
import { ROUNDS } from "../faults/rounds.ts";
import { WHY_NO_POSTGRES } from "../support/postgres.ts";
import { until } from "../support/stack.ts";
import { type Cluster, counted, submit, withCluster } from "./cluster.ts";

const SKIPPED = WHY_NO_POSTGRES ? ` (skipped: ${WHY_NO_POSTGRES})` : "";
const TOKEN = "the-token-that-all-daemons-share";
const MIB = 1024 * 1024;

/** Idempotency keys that are sent to all orchestrators at once. */
const KEYS = ROUNDS > 2 ? 10 * ROUNDS : 10;

const auth = { authorization: `Bearer ${TOKEN}` };
const json = { "content-type": "application/json", ...auth };
const hop = { "x-llorch-hop": hopToken(secretSha256(TOKEN)) };

const chat = (fields: Record<string, unknown>) => ({
  method: "POST",
  headers: json,
  body: JSON.stringify({
    ...{ model: "counter", prompt: " w1", max_tokens: 30, temperature: 0 },
    ...fields,
  }),
});

/** Text of a streamed completion. */
async function streamed(reply: Response): Promise<string> {
  let text = "";
  for await (const { data } of readSse(reply.body!)) {
    if (data === "[DONE]") return text;
    text += JSON.parse(data).choices[0]?.text ?? "";
  }
  throw new Error(`the stream broke off after ${text}`);
}

async function check({ follower, leader, orchestrators }: Cluster, t: Deno.TestContext) {
  const { url } = await follower();
  const first = (await leader()).url;

  await t.step("answers, streams and errors are those of the leader", async () => {
    const whole = await fetch(`${url}/v1/completions`, chat({}));
    assert.equal(whole.status, 200);
    assert.equal((await whole.json()).choices[0].text, counted(30));
    assert.equal(
      await streamed(await fetch(`${url}/v1/completions`, chat({ stream: true }))),
      counted(30),
    );
    const refused = await fetch(`${url}/v1/completions`, chat({ max_tokens: "many" }));
    assert.equal(refused.status, 400);
    assert.match((await refused.json()).error.message, /max_tokens/);
    const unknown = await fetch(`${url}/v2/tasks/none`, { headers: auth });
    assert.equal(unknown.status, 404);
    assert.equal((await unknown.json()).error.code, "NOT_FOUND");
  });

  await t.step("the caller's own secret is what counts", async () => {
    assert.equal((await fetch(`${url}/v2/tasks`)).status, 401);
    const made = await fetch(`${url}/v2/keys`, {
      method: "POST",
      headers: json,
      body: JSON.stringify({ name: "ann", role: "client" }),
    });
    assert.equal(made.status, 200);
    const { secret: key } = await made.json();
    const own = await fetch(`${url}/v1/models`, {
      headers: { "x-api-key": key, "anthropic-version": "2023-06-01" },
    });
    assert.equal(own.status, 200);
    await own.body?.cancel();
    const reply = await fetch(`${url}/v2/keys`, { headers: { authorization: `Bearer ${key}` } });
    assert.equal(reply.status, 403);
    await reply.body?.cancel();
  });

  await t.step("a browser that signed in at one is signed in at the other", async () => {
    const signedIn = await fetch(`${url}/v2/session`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ key: TOKEN }),
    });
    assert.equal(signedIn.status, 200);
    const [cookie] = signedIn.headers.getSetCookie();
    assert.match(cookie!, /^llorch_session=[^;]+; Path=\/; .*HttpOnly/);
    await signedIn.body?.cancel();
    for (const at of [first, url]) {
      const view = await fetch(`${at}/v2/session`, { headers: { cookie: cookie!.split(";")[0]! } });
      assert.equal(view.status, 200);
      assert.equal((await view.json()).role, "operator");
    }
  });

  await t.step("a page of another site may change nothing, whichever it calls", async () => {
    for (const at of [first, url]) {
      const reply = await fetch(`${at}/v2/session`, {
        method: "POST",
        headers: { "content-type": "application/json", origin: "https://evil.example" },
        body: JSON.stringify({ key: TOKEN }),
      });
      assert.equal(reply.status, 403, at);
      await reply.body?.cancel();
    }
  });

  await t.step("a large file is carried as it comes", async () => {
    const text = `${JSON.stringify({ x: "y".repeat(1015) })}\n`.repeat(3 * 1024);
    const form = new FormData();
    form.set("purpose", "batch");
    form.set("file", new Blob([text]), "big.jsonl");
    const put = await fetch(`${url}/v1/files`, { method: "POST", headers: auth, body: form });
    const said = await put.text();
    assert.equal(put.status, 200, said);
    const { id, bytes } = JSON.parse(said);
    assert.equal(bytes, 3 * MIB);
    const got = await fetch(`${url}/v1/files/${id}/content`, { headers: auth });
    assert.equal(await got.text(), text);
    form.set("purpose", "none");
    const refused = await fetch(`${url}/v1/files`, { method: "POST", headers: auth, body: form });
    assert.equal(refused.status, 400);
    assert.match((await refused.json()).error.message, /purpose/);
  });

  await t.step("one hop at most; from nobody else does the header count", async () => {
    const passed = await fetch(`${url}/v2/models`, { headers: { ...auth, ...hop } });
    assert.equal(passed.status, 421);
    const { error } = await passed.json();
    assert.equal(error.code, "NOT_LEADER");
    const forged = await fetch(`${url}/v2/models`, {
      headers: { ...auth, "x-llorch-hop": "1" },
    });
    assert.equal(forged.status, 200);
    await forged.body?.cancel();
    const atLeader = await fetch(`${first}/v2/models`, { headers: { ...auth, ...hop } });
    assert.equal(atLeader.status, 200);
    await atLeader.body?.cancel();
  });

  await t.step("a client that leaves cancels its job", async () => {
    const gone = new AbortController();
    const reply = await fetch(`${url}/v1/completions`, {
      ...chat({ max_tokens: 4000, stream: true }),
      signal: gone.signal,
    });
    const reader = reply.body!.getReader();
    await reader.read();
    gone.abort();
    await reader.read().catch(() => {});
    await until("no job runs", async () => {
      const queue = await (await fetch(`${first}/v2/queue`, { headers: auth })).json();
      return queue.running.length === 0;
    });
  });

  await t.step("each says who leads, and counts for itself", async () => {
    for (const { url: at } of orchestrators) {
      const ready = await (await fetch(`${at}/ready`, { headers: auth })).json();
      assert.equal(ready.leader, first);
      const view = await (await fetch(`${at}/v2/cluster`, { headers: auth })).json();
      assert.equal(view.is_alone, false);
      assert.equal(view.replicas.length, orchestrators.length);
      assert.equal(view.replicas.find((one: { role: string }) => one.role === "leader").url, first);
      assert.ok(view.replicas.every((one: { state: string }) => one.state === "alive"));
      assert.ok(view.replicas.every((one: Record<string, unknown>) => one["has_leaders_settings"]));
      const metrics = await (await fetch(`${at}/metrics`, { headers: auth })).text();
      assert.match(metrics, /^orchd_replicas\{state="alive"\} 2$/m);
      const passed = Number(/orchd_passed_on_total\{outcome="answered"\} (\d+)/.exec(metrics)![1]);
      assert.equal(passed > 5, at !== first);
    }
    assert.equal((await fetch(`${url}/v2/cluster`)).status, 401);
  });
}

Deno.test({
  name: `any orchestrator answers as the one that leads${SKIPPED}`,
  ignore: WHY_NO_POSTGRES !== undefined,
  fn: (t) => withCluster((cluster) => check(cluster, t), { replicas: 2, token: TOKEN }),
});

Deno.test({
  name: `the same idempotency key at several orchestrators at once is one job${SKIPPED}`,
  ignore: WHY_NO_POSTGRES !== undefined,
  fn: () =>
    withCluster(async ({ orchestrators }) => {
      const jobs = new Set<string>();
      for (let round = 0; round < KEYS; round++) {
        const key = { "idempotency-key": `round-${round}` };
        const ids = await Promise.all(
          [...orchestrators, ...orchestrators].map(({ url }) => submit(url, 1, key)),
        );
        assert.equal(new Set(ids).size, 1);
        jobs.add(ids[0]!);
      }
      assert.equal(jobs.size, KEYS);
    }),
});
