/**
 * What clients learn while a model loads.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  anthropicErrorBody,
  llamaErrorBody,
  ollamaErrorBody,
  openaiErrorBody,
} from "#shared/contracts/mod.ts";
import { until } from "../../tests/support/stack.ts";
import { type Harness, withHarness } from "./testing/harness.ts";

const messages = [{ role: "user", content: "w7" }];
const chat = { model: "counter", messages, max_tokens: 3, stream: true };

/** Streams that say something, each with the text that it ends with. */
const STREAMS = [
  { path: "/v1/chat/completions", body: chat, end: "data: [DONE]\n\n" },
  { path: "/v1/messages", body: chat, end: "message_stop" },
  {
    path: "/v1/completions",
    body: { model: "counter", prompt: "w7", max_tokens: 3, stream: true },
    end: "data: [DONE]\n\n",
  },
  {
    path: "/infill",
    body: { model: "counter", input_prefix: "w7", input_suffix: "", n_predict: 3, stream: true },
    end: '"stop":true',
  },
  {
    path: "/v1/responses",
    body: { model: "counter", input: "w7", max_output_tokens: 3, stream: true },
    end: "response.incomplete",
  },
  {
    path: "/v1/responses",
    body: { model: "counter", input: "w7", max_output_tokens: 3, stream: true, background: true },
    end: "response.incomplete",
  },
  { path: "/v2/tasks", body: { model: "counter", messages, max_tokens: 3 }, end: "event: end" },
] as const;

const HEADERS = { "content-type": "application/json", accept: "text/event-stream" };

/**
 * Opens a stream and reads it until its text matches. The returned function reads on, until the text matches
 * another pattern or to the end.
 */
async function streamed(
  { url }: Harness,
  { path, body }: { readonly path: string; readonly body: unknown },
  pattern: RegExp,
): Promise<(pattern?: RegExp) => Promise<string>> {
  const init = { method: "POST", headers: HEADERS, body: JSON.stringify(body) };
  const reply = await fetch(url + path, init);
  assert.equal(reply.status < 300, true, `${path}: ${reply.status}`);
  const reader = reply.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const read = async (isEnough: () => boolean): Promise<void> => {
    while (!isEnough()) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
    }
  };
  await read(() => pattern.test(text));
  assert.match(text, pattern, path);
  return async (next) => {
    await read(() => next?.test(text) ?? false);
    return text;
  };
}

Deno.test("streams say in comments that the model is loading, and for how long it usually does", () =>
  withHarness({ streams: { first_byte_ms: 1, keep_alive_ms: 20 } }, async (harness) => {
    const { pool } = harness;
    pool.holdLoads = true;
    for (const stream of STREAMS) {
      const isFirst = stream === STREAMS[0];
      const said = isFirst
        ? /^: loading counter, \d+ m?s so far$/m
        : /^: loading counter, [\d.]+ m?s(?: of about|: longer than the usual) [\d.]+ m?s$/m;
      const rest = await streamed(harness, stream, said);
      await pool.ready();
      const text = await rest();
      assert.ok(text.includes(stream.end), text);
      // The end of an answer has no such comments.
      assert.doesNotMatch(text.slice(text.indexOf(stream.end)), /loading/);
      pool.holdLoads = true;
      await pool.kill([...pool.workers.keys()][0]!);
    }
  }));

Deno.test("an Anthropic stream keeps its pings while the model is loading", () =>
  withHarness({ streams: { first_byte_ms: 1, keep_alive_ms: 20 } }, async (harness) => {
    harness.pool.holdLoads = true;
    const said = /: loading counter, .*\n\nevent: ping\ndata: \{"type":"ping"\}\n\n/;
    const rest = await streamed(harness, { path: "/v1/messages", body: chat }, said);
    await harness.pool.ready();
    assert.ok((await rest()).includes("message_stop"));
  }));

Deno.test("a stream whose worker died says that the model is loading again", () =>
  withHarness({ streams: { first_byte_ms: 1, keep_alive_ms: 20 } }, async (harness) => {
    const { pool } = harness;
    pool.tokens = 2;
    const body = { model: "counter", prompt: "w7", max_tokens: 4, stream: true };
    const rest = await streamed(harness, { path: "/v1/completions", body }, /w9"/);
    pool.holdLoads = true;
    pool.tokens = Infinity;
    await pool.kill([...pool.workers.keys()][0]!);
    await rest(/w9"[^]*\n: loading counter, .*\n\n/);
    await pool.ready();
    assert.match(await rest(), /w9"[^]*\n: loading counter, [^]*w10"[^]*w11"/);
  }));

Deno.test("Ollama's lines have no comments while the model is loading", () =>
  withHarness({ streams: { first_byte_ms: 1, keep_alive_ms: 5 } }, async (harness) => {
    const { pool } = harness;
    pool.holdLoads = true;
    const reply = await fetch(`${harness.url}/api/chat`, {
      method: "POST",
      body: JSON.stringify({ model: "counter", messages, options: { num_predict: 3 } }),
    });
    assert.equal(reply.status, 200);
    await pool.ready();
    const lines = (await reply.text()).trim().split("\n").map((line) => JSON.parse(line));
    assert.equal(lines.at(-1).done, true);
  }));

Deno.test("what is refused while the model is loading says so, and when to try again", () =>
  withHarness({ queue: { capacity: 1 } }, async (harness) => {
    const { pool, url } = harness;
    const ask = (path: string, body: unknown) =>
      fetch(url + path, { method: "POST", headers: HEADERS, body: JSON.stringify(body) });
    pool.holdLoads = true;
    const first = ask("/v1/chat/completions", { ...chat, stream: false });
    await until("it loads", () => pool.workers.size === 1);
    await pool.ready();
    assert.equal((await first).status, 200);
    pool.holdLoads = true;
    await pool.kill([...pool.workers.keys()][0]!);
    const leave = new AbortController();
    const waiting = fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: HEADERS,
      body: JSON.stringify(chat),
      signal: leave.signal,
    }).catch(() => {});
    await until("it loads again", () => pool.workers.size === 1);

    const refused = async (path: string, body: unknown) => {
      const reply = await ask(path, body);
      assert.equal(reply.status, 429, path);
      return { body: await reply.json(), retryAfter: Number(reply.headers.get("retry-after")) };
    };
    const openai = await refused("/v1/chat/completions", chat);
    const { loading } = openaiErrorBody.parse(openai.body).error;
    assert.equal(loading?.model, "counter");
    assert.ok(loading.usual_ms !== undefined);
    const leftMs = loading.usual_ms - loading.elapsed_ms;
    assert.equal(openai.retryAfter, Math.max(1, Math.ceil(leftMs / 1000)));
    const anthropic = await refused("/v1/messages", chat);
    assert.equal(anthropicErrorBody.parse(anthropic.body).error.loading?.model, "counter");
    const ollama = await refused("/api/chat", { model: "counter", messages });
    assert.equal(ollamaErrorBody.parse(ollama.body).loading?.model, "counter");
    const own = await refused("/v2/tasks", { model: "counter", messages });
    assert.equal(own.body.error.details.loading.model, "counter");
    const infill = await refused("/infill", {
      model: "counter",
      input_prefix: "x",
      input_suffix: "",
    });
    assert.equal(llamaErrorBody.parse(infill.body).error.loading?.model, "counter");
    const embeddings = await refused("/v1/embeddings", { model: "counter", input: "x" });
    assert.equal(embeddings.body.error.loading.model, "counter");

    leave.abort();
    await waiting;
  }));
