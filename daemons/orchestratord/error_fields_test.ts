/**
 * Errors of tasks and workers name the fields of the client's own request, on the routes of each
 * vendor.
 *
 * @module
 */
import assert from "node:assert/strict";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import { withHarness } from "./testing/harness.ts";

const model = "counter";
const HI = [{ role: "user", content: "hi" }];
/** A word is a token of the fake worker, whose context has 1000. */
const LONG = "a ".repeat(1500);

const post = (url: string, path: string, body: object) =>
  fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, ...body }),
  });

/** A request that generates, and what it calls its prompt and the tokens that end its answer. */
const GENERATING = [
  ["/v1/chat/completions", { messages: HI }, "messages", "stop_token_ids"],
  ["/v1/completions", { prompt: "hi" }, "prompt", "stop_token_ids"],
  ["/v1/completions", { prompt: [1] }, "prompt", "stop_token_ids"],
  ["/v1/responses", { input: "hi" }, "input", "stop_token_ids"],
  ["/v1/messages", { messages: HI, max_tokens: 1 }, "messages", "stop_token_ids"],
  ["/completion", { prompt: "hi" }, "prompt", "stop_token_ids"],
  ["/infill", { input_prefix: "a", input_suffix: "b" }, "input_prefix", "stop_token_ids"],
  ["/api/chat", { messages: HI }, "messages", "options.stop_token_ids"],
  ["/api/generate", { prompt: "hi" }, "prompt", "options.stop_token_ids"],
] as const;

Deno.test("an error of a worker names the fields of the request, whole and streamed", () =>
  withHarness({}, async ({ url, pool, events }) => {
    await events({ model, prompt: "hi" });
    const worker = pool.only();
    for (const [path, body, prompt, stop] of GENERATING) {
      for (const stream of [false, true]) {
        const said = async (error: LlorchError) => {
          worker.failWith = error;
          return await (await post(url, path, { ...body, stream })).text();
        };
        const refused = await said(invalidRequest([
          { field: "stop_token_ids.0", message: "is not a token" },
        ]));
        assert.match(refused, new RegExp(`request: ${stop}\\.0: is not a token`), path);
        const details = { prompt_tokens: 2000, context: 1000 };
        const long = await said(
          new LlorchError("CONTEXT_LENGTH_EXCEEDED", "Too long", { details }),
        );
        const isOpenAI = /^\/v1\/(chat|comp)/.test(path) || path === "/v1/responses" && !stream;
        if (isOpenAI) assert.match(long, new RegExp(`"param":"${prompt}"`), path);
        if (path.startsWith("/api/")) assert.match(long, new RegExp(`"${prompt}: Too long"`), path);
      }
    }
  }));

Deno.test("an input that is too long for a model is named as its request names it", () =>
  withHarness({}, async ({ url, pool, events }) => {
    await events({ model, prompt: "hi" });
    const said = async (path: string, body: object) => {
      const { error } = await (await post(url, path, body)).json();
      return error.param ?? error.message ?? error;
    };
    for (const input of [LONG, ["a", LONG]]) {
      assert.equal(await said("/v1/embeddings", { input }), "input");
      assert.match(await said("/api/embed", { input, truncate: false }), /^input: The prompt has/);
    }
    assert.equal(await said("/v1/embeddings", { input: Array(1500).fill(1) }), "input");
    assert.match(await said("/api/embeddings", { prompt: LONG }), /^prompt: The prompt has/);
    for (const path of ["/v1/rerank", "/v2/rerank"]) {
      assert.equal(await said(path, { query: "a", documents: ["a", LONG] }), "documents");
      assert.equal(await said(path, { query: "a", texts: [LONG] }), "texts");
      assert.equal(await said(path, { query: LONG, documents: ["a"] }), "query");
    }
    // What only the worker finds.
    const message = "Cannot fit an input of 2000 tokens";
    const details = { prompt_tokens: 2000, context: 1000 };
    pool.only().failWith = new LlorchError("CONTEXT_LENGTH_EXCEEDED", message, { details });
    assert.equal(await said("/v1/embeddings", { input: "a" }), "input");
    pool.only().failWith = invalidRequest([{ field: "input.0.1", message: "is not a token" }]);
    assert.match(await said("/api/embeddings", { prompt: "a" }), /: prompt: is not a token/);
  }));

Deno.test("a refused task names the fields of the request that it was made from", () =>
  withHarness({}, async ({ url }) => {
    const reply = await post(url, "/api/chat", {
      messages: HI,
      options: { stop: "x".repeat(100_000) },
    });
    assert.equal(reply.status, 400);
    assert.match((await reply.json()).error, /^Cannot accept the request: options\.stop\.0: /);
  }));
