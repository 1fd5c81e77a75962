import assert from "node:assert/strict";
import { completion, embeddingsReply, openaiErrorBody, rankReply } from "#shared/contracts/mod.ts";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import { readSse } from "#shared/http/sse.ts";
import { type Harness, numbers, range, withHarness } from "./testing/harness.ts";
import { until } from "../../tests/support/stack.ts";

function post(
  harness: Harness,
  path: string,
  body: unknown,
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(harness.url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });
}

const numbersIn = (text: string) => numbers([{ event: "token", data: { t: text, i: 0 } }]);

Deno.test("several prompts and n answers each are jobs of one request", async () => {
  await withHarness({}, async (harness) => {
    const body = { model: "counter", prompt: ["w1", "w7"], n: 2, max_tokens: 1 };
    const reply = await post(harness, "/v1/completions", body);
    const { choices, usage } = completion.parse(await reply.json());
    assert.deepEqual(choices.map(({ text }) => numbersIn(text)[0]), [2, 2, 8, 8]);
    assert.deepEqual(choices.map(({ index }) => index), range(0, 4));
    assert.equal(usage.completion_tokens, 4);
  });
});

Deno.test("streamed choices are interleaved and end with one [DONE]", async () => {
  await withHarness({}, async (harness) => {
    const reply = await post(harness, "/v1/completions", {
      model: "counter",
      prompt: "w1",
      n: 2,
      max_tokens: 5,
      stream: true,
    });
    const perChoice: number[][] = [[], []];
    const data = [];
    for await (const message of readSse(reply.body!)) data.push(message.data);
    assert.equal(data.pop(), "[DONE]");
    for (const each of data) {
      const [choice] = JSON.parse(each).choices;
      if (choice.text) perChoice[choice.index]!.push(...numbersIn(choice.text));
    }
    assert.deepEqual(perChoice, [range(2, 5), range(2, 5)]);
  });
});

Deno.test("a client that leaves cancels all its choices", async () => {
  await withHarness({}, async (harness) => {
    await post(harness, "/v1/completions", { model: "counter", prompt: "w1", max_tokens: 1 });
    const worker = harness.pool.only();
    worker.allow(2);
    const body = { model: "counter", prompt: "w1", n: 3, stream: true };
    const reply = await post(harness, "/v1/completions", body);
    const reader = reply.body!.getReader();
    await reader.read();
    await reader.cancel();
    await until("both that ran are cancelled", () => worker.cancelled === 2);
    // One earlier execution, and two at once: the third choice waited for a slot.
    assert.equal(worker.executions.length, 3);
  });
});

Deno.test("when the queue has no room for one choice, none runs", async () => {
  await withHarness({ queue: { capacity: 2 } }, async (harness) => {
    harness.pool.holdLoads = true;
    const reply = await post(harness, "/v1/completions", { model: "counter", prompt: "a", n: 4 });
    assert.equal(reply.status, 429);
    assert.ok(reply.headers.get("retry-after"));
    assert.equal(reply.headers.get("x-should-retry"), "true");
    assert.equal(openaiErrorBody.parse(await reply.json()).error.code, "queue_full");
    const queue = await (await fetch(`${harness.url}/v2/queue`)).json();
    assert.equal(queue.depth, 0);
  });
});

Deno.test("what is no use to ask again is not said to be, whatever its code usually means", async () => {
  await withHarness({}, async (harness) => {
    const body = { model: "counter", prompt: "w1", max_tokens: 1 };
    await (await post(harness, "/v1/completions", body)).body?.cancel();
    for (const retriable of [false, true]) {
      harness.pool.only().failWith = new LlorchError("TIMEOUT", "late", { retriable });
      const reply = await post(harness, "/v1/completions", body);
      await reply.body?.cancel();
      assert.equal(reply.status, 504);
      assert.equal(reply.headers.get("x-should-retry"), String(retriable));
    }
  });
});

Deno.test("embeddings load their model on demand and come as floats or base64", async () => {
  await withHarness({}, async (harness) => {
    const body = { model: "counter", input: ["a", "abc", [1, 2]] };
    const reply = embeddingsReply.parse(
      await (await post(harness, "/v1/embeddings", body)).json(),
    );
    assert.deepEqual(reply.data.map(({ embedding }) => embedding), [[1, 0], [3, 0], [2, 0]]);
    assert.deepEqual(reply.usage, { prompt_tokens: 3, total_tokens: 3 });
    const base64 = embeddingsReply.parse(
      await (await post(harness, "/v1/embeddings", { ...body, encoding_format: "base64" })).json(),
    );
    assert.equal(base64.data[0]?.embedding, "AACAPwAAAAA=");
  });
});

Deno.test("a call for embeddings goes to another worker when the first dies", async () => {
  await withHarness({}, async (harness) => {
    await post(harness, "/v1/embeddings", { model: "counter", input: "a" });
    const worker = harness.pool.only();
    worker.allow(0);
    const reply = post(harness, "/v1/embeddings", { model: "counter", input: "abcd" });
    await until("the worker has the call", () => worker.calls === 2);
    await harness.pool.kill("worker-1");
    const { data } = embeddingsReply.parse(await (await reply).json());
    assert.deepEqual(data[0]?.embedding, [4, 0]);
    assert.equal(harness.pool.spawns, 2);
  });
});

Deno.test("a client that leaves ends its call and frees the slot", async () => {
  await withHarness({}, async (harness) => {
    await post(harness, "/v1/embeddings", { model: "counter", input: "a" });
    const worker = harness.pool.only();
    worker.allow(0);
    const leave = new AbortController();
    const body = { model: "counter", input: "a" };
    const reply = post(harness, "/v1/embeddings", body, leave.signal);
    await until("the worker has the call", () => worker.calls === 2);
    leave.abort();
    await assert.rejects(reply);
    await until("the worker sees the cancel", () => worker.cancelled === 1);
    const workers = async () => (await (await fetch(`${harness.url}/v2/workers`)).json()).workers;
    await until("the slot is free", async () => (await workers())[0].active === 0);
  });
});

Deno.test("a worker that refuses a call is not asked again", async () => {
  await withHarness({}, async (harness) => {
    await post(harness, "/v1/embeddings", { model: "counter", input: "a" });
    harness.pool.only().failWith = new LlorchError("INVALID_REQUEST", "model: does not embed");
    const reply = await post(harness, "/v1/embeddings", { model: "counter", input: "a" });
    assert.equal(reply.status, 400);
    assert.equal(harness.pool.only().calls, 2);
    assert.match(openaiErrorBody.parse(await reply.json()).error.message, /does not embed/);
  });
});

Deno.test("a field that the worker refuses is the error's param", async () => {
  await withHarness({}, async (harness) => {
    await post(harness, "/v1/embeddings", { model: "counter", input: "a" });
    harness.pool.only().failWith = invalidRequest([
      { field: "json_schema.pattern", message: "is not supported" },
    ]);
    const messages = [{ role: "user", content: "w1" }];
    for (
      const [path, body] of [
        ["/v1/chat/completions", { messages }],
        ["/v1/completions", { prompt: "w1" }],
        ["/v1/embeddings", { input: "a" }],
      ] as const
    ) {
      const reply = await post(harness, path, { model: "counter", ...body });
      const { error } = openaiErrorBody.parse(await reply.json());
      assert.equal(error.param, "json_schema.pattern", path);
    }
  });
});

Deno.test("a rerank returns the best documents first, with their indices", async () => {
  await withHarness({}, async (harness) => {
    const body = { model: "counter", query: "q", documents: ["ab", { text: "abcd" }, "abc"] };
    const rank = async (more: Record<string, unknown>) =>
      rankReply.parse(await (await post(harness, "/v1/rerank", { ...body, ...more })).json());
    const all = await rank({});
    assert.deepEqual(all.results.map(({ index }) => index), [1, 2, 0]);
    assert.equal(all.results[0]?.document, undefined);
    const best = await rank({ top_n: 1, return_documents: true });
    assert.deepEqual(best.results, [
      { index: 1, relevance_score: 0.04, document: { text: "abcd" } },
    ]);
  });
});
