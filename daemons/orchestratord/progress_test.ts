import assert from "node:assert/strict";
import { chatChunk, completionChunk, nativeChunk, type Timings } from "#shared/contracts/mod.ts";
import { readSse } from "#shared/http/sse.ts";
import { type Harness, withHarness } from "./testing/harness.ts";

const TURN = [{ role: "user", content: "w1" }];

/** A streaming request of each route, and the shape of its chunks. */
const ROUTES = [
  ["/v1/chat/completions", { messages: TURN, max_tokens: 2 }, chatChunk],
  ["/v1/completions", { prompt: "w1", max_tokens: 2 }, completionChunk],
  ["/completion", { prompt: "w1", n_predict: 2 }, nativeChunk],
] as const;

interface Chunk {
  readonly prompt_progress?: unknown;
  readonly timings?: Timings;
}

async function chunksOf(harness: Harness, index: number, more: object): Promise<Chunk[]> {
  const [path, body, shape] = ROUTES[index]!;
  const reply = await fetch(harness.url + path, {
    method: "POST",
    body: JSON.stringify({ model: "counter", ...body, stream: true, ...more }),
  });
  assert.equal(reply.status, 200, path);
  const chunks: Chunk[] = [];
  for await (const { data } of readSse(reply.body!)) {
    if (data === "[DONE]") continue;
    const sent = JSON.parse(data);
    assert.deepEqual(shape.parse(sent), sent, path);
    chunks.push(sent);
    // Its tokens wait until the progress is there.
    if (sent.prompt_progress) harness.pool.only().allow(Infinity);
  }
  return chunks;
}

Deno.test("return_progress tells before the first token how much of the prompt is evaluated", () =>
  withHarness({}, async (harness) => {
    harness.pool.onSpawn = (_id, worker) => worker.prompt = { done: 3, total: 8, cached: 2, ms: 9 };
    harness.pool.tokens = 0;
    for (const [index, [path]] of ROUTES.entries()) {
      const chunks = await chunksOf(harness, index, { return_progress: true });
      const told = chunks.flatMap(({ prompt_progress }) => prompt_progress ?? []);
      assert.deepEqual(told, [{ total: 8, cache: 2, processed: 3, time_ms: 9 }], path);
      assert.equal(harness.pool.only().executions.at(-1)?.prompt_progress, true);
      const last = chunks.findIndex((chunk) => chunk.prompt_progress);
      assert.ok(last < chunks.findIndex((chunk) => /w2/.test(JSON.stringify(chunk))), path);

      const others = await chunksOf(harness, index, { return_progress: false });
      assert.ok(others.every((chunk) => chunk.prompt_progress === undefined), path);
      assert.equal(harness.pool.only().executions.at(-1)?.prompt_progress, undefined);
      harness.pool.only().allow(0);
    }
  }));

Deno.test("timings_per_token gives each chunk with text its timings", () =>
  withHarness({}, async (harness) => {
    const timings = {
      tokens_in: 9,
      tokens_cached: 4,
      tokens_out: 2,
      ttft_ms: 5,
      decode_time_ms: 4,
    };
    harness.pool.onSpawn = (_id, worker) => worker.tokenFields = { timings };
    for (const [index, [path]] of ROUTES.entries()) {
      const chunks = await chunksOf(harness, index, { timings_per_token: true });
      const told = chunks.filter((chunk) => chunk.timings);
      // Two tokens, and the end.
      assert.equal(told.length, 3, path);
      assert.deepEqual(told[0]?.timings, {
        ...{ cache_n: 4, prompt_n: 5, prompt_ms: 5, prompt_per_token_ms: 1 },
        ...{ prompt_per_second: 1000, predicted_n: 2, predicted_ms: 4, predicted_per_token_ms: 2 },
        predicted_per_second: 500,
      });
      assert.equal(harness.pool.only().executions.at(-1)?.token_timings, true);
    }
  }));

Deno.test("whole replies have no progress and no timings of tokens, whatever is asked for", () =>
  withHarness({}, async (harness) => {
    for (const [path, body] of ROUTES) {
      const more = { model: "counter", return_progress: true, timings_per_token: true };
      const reply = await fetch(harness.url + path, {
        method: "POST",
        body: JSON.stringify({ ...body, ...more }),
      });
      assert.equal(reply.status, 200, path);
      const { timings, prompt_progress } = await reply.json();
      assert.deepEqual([typeof timings, prompt_progress], ["object", undefined], path);
      const { prompt_progress: asked, token_timings } = harness.pool.only().executions.at(-1)!;
      assert.deepEqual([asked, token_timings], [undefined, undefined], path);
    }
  }));
