import assert from "node:assert/strict";
import { withGuarded } from "./testing/guarded.ts";

const READS = [
  "/v1/models",
  "/v1/models/counter",
  "/v1/models/file:%2Fmodels%2Fcounter.gguf",
  "/v2/models?fit=true",
  "/v2/workers",
  "/v2/pools",
  "/v2/queue",
  "/v2/events?follow=false",
];

Deno.test("operators see where a host keeps its models, API keys of clients do not", async () => {
  await withGuarded({}, async ({ url, key, pool, root: _ }) => {
    const { secret: client } = await key({ name: "c", role: "client" });
    const { secret: operator } = await key({ name: "o", role: "operator" });
    await pool();
    const ask = async (path: string, secret: string, body?: unknown) => {
      const reply = await fetch(url + path, {
        ...(body === undefined ? {} : { method: "POST", body: JSON.stringify(body) }),
        headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
      });
      return { status: reply.status, text: await reply.text() };
    };
    const task = { prompt: "a", max_tokens: 1 };
    const done = await ask("/v1/completions", client, { ...task, model: "counter" });
    assert.equal(done.status, 200, done.text);
    for (const path of READS) {
      const { text } = await ask(path, client);
      assert.ok(!/\/models\/|file:/.test(text), `${path}: ${text}`);
    }
    const { models } = JSON.parse((await ask("/v2/models", client)).text);
    assert.deepEqual([models[0].model_ref, models[0].aliases], ["counter", ["counter"]]);
    const { workers } = JSON.parse((await ask("/v2/workers", client)).text);
    assert.equal(workers[0].model_ref, "counter");

    const byPath = { ...task, model: "file:/models/counter.gguf" };
    for (const path of ["/v1/completions", "/v2/tasks"]) {
      const refused = await ask(path, client, byPath);
      assert.equal(refused.status, 404, refused.text);
      assert.ok(!refused.text.includes("/models/counter"), refused.text);
      const taken = await ask(path, operator, byPath);
      assert.ok(taken.status < 300, taken.text);
    }
    for (const path of ["/v2/models", "/v2/workers", "/v2/events?follow=false"]) {
      assert.match((await ask(path, operator)).text, /file:\/models\/counter\.gguf/, path);
    }
  });
});
