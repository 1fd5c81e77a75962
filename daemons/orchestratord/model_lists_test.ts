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

Deno.test("a model that is not loaded has the context that a load will have", () =>
  withHarness({ names: { short: { target: "counter", context: 50 } } }, async (harness) => {
    harness.pool.defaultContext = 300;
    await harness.pool.register();
    const get = async (path: string) => await (await fetch(harness.url + path)).json();
    const shownBy = async (name: string) => {
      const { max_model_len, meta } = await get(`/models/${name}`);
      const reply = await fetch(`${harness.url}/api/show`, {
        method: "POST",
        body: JSON.stringify({ model: name }),
      });
      const { model_info } = await reply.json();
      return [max_model_len, meta.n_ctx, model_info["llama.context_length"]];
    };
    assert.deepEqual(await shownBy("counter"), [300, 300, 300]);
    assert.equal((await get("/v1/models/counter")).meta.n_ctx_train, 1000);
    assert.equal((await shownBy("short"))[0], 50);
    const { models } = await get("/v2/models");
    assert.deepEqual([models[0].default_context, models[0].context_length], [300, 1000]);
    await harness.events({ model: "counter", prompt: "w1", max_tokens: 1 });
    assert.deepEqual(await shownBy("counter"), [1000, 1000, 1000]);
  }));

Deno.test("fields that would change ranks or vectors are refused by name", () =>
  withHarness({}, async ({ url }) => {
    const ask = async (path: string, body: object) => {
      const reply = await fetch(url + path, {
        method: "POST",
        body: JSON.stringify({ model: "counter", ...body }),
      });
      return { status: reply.status, body: await reply.json() };
    };
    const ranks = { query: "q", documents: ["a"] };
    const harmless = { raw_scores: false, rank_fields: ["text"], max_tokens_per_doc: null };
    assert.equal((await ask("/v1/v2/rerank", { ...ranks, ...harmless })).status, 200);
    const input = { input: "a" };
    const same = { embd_normalize: 2, normalize: true, truncate_prompt_tokens: null };
    assert.equal((await ask("/v1/embeddings", { ...input, ...same })).status, 200);
    for (
      const [path, body, more] of [
        ["/v1/rerank", ranks, { raw_scores: true }],
        ["/v1/rerank", ranks, { max_tokens_per_doc: 4 }],
        ["/v1/rerank", ranks, { max_chunks_per_doc: 1 }],
        ["/v1/rerank", ranks, { rank_fields: ["title"] }],
        ["/v1/embeddings", input, { truncate_prompt_tokens: 4 }],
        ["/v1/embeddings", input, { embd_normalize: -1 }],
        ["/v1/embeddings", input, { normalize: false }],
      ] as const
    ) {
      const { status, body: { error } } = await ask(path, { ...body, ...more });
      const [field] = Object.keys(more);
      assert.deepEqual([status, error.param], [400, field], error.message);
    }
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
