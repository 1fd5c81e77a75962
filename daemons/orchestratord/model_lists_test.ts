import assert from "node:assert/strict";
import { withHarness } from "./testing/harness.ts";

Deno.test("each model is listed once, with its context, and found by similar names", () =>
  withHarness({}, async ({ url, events }) => {
    const get = async (path: string) => await (await fetch(url + path)).json();
    const before = await get("/v1/models");
    assert.equal(before.object, "list");
    const ids: string[] = before.data.map(({ id }: { id: string }) => id);
    assert.deepEqual(ids, [...new Set(ids)]);
    assert.ok(!ids.some((id) => id.startsWith("file:")));
    const counter = async () => await get("/v1/models/counter");
    const unloaded = await counter();
    assert.deepEqual([unloaded.loaded, unloaded.object], [false, "model"]);
    assert.equal(unloaded.max_model_len, unloaded.meta.n_ctx_train);
    await events({ model: "counter", prompt: "w1", max_tokens: 1 });
    const loaded = await counter();
    assert.deepEqual([loaded.loaded, loaded.max_model_len], [true, loaded.meta.n_ctx]);
    for (const path of ["/models", "/v1/models/", "//v1/models", "/v1/v1/models"]) {
      assert.deepEqual((await get(path)).data.length, ids.length, path);
    }
    assert.equal((await get("/v1/models/openai/COUNTER.gguf:latest")).meta.size, loaded.meta.size);
  }));

Deno.test("documents are ranked under every path, in the shape that the request has", () =>
  withHarness({}, async ({ url }) => {
    const rank = async (path: string, body: object) => {
      const reply = await fetch(url + path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "counter", query: "q", ...body }),
      });
      return { status: reply.status, body: await reply.json() };
    };
    for (const path of ["/v1/rerank", "/rerank", "/reranking", "/v1/reranking", "/v2/rerank"]) {
      const { body } = await rank(path, { documents: ["a", { text: "bbb" }], top_n: 1 });
      assert.deepEqual(body.results, [{ index: 1, relevance_score: 0.03 }], path);
    }
    const texts = ["a", "bbb"];
    assert.deepEqual((await rank("/rerank", { texts })).body, [
      { index: 1, score: 0.03 },
      { index: 0, score: 0.01 },
    ]);
    const named = await rank("/rerank", { texts, return_text: true });
    assert.deepEqual(named.body[0], { index: 1, score: 0.03, text: "bbb" });
    for (const wrong of [{}, { texts, documents: texts }]) {
      const { status, body } = await rank("/rerank", wrong);
      assert.deepEqual([status, body.error.param], [400, "documents"]);
    }
  }));
