/** The official `openai` package, unchanged. */
import assert from "node:assert/strict";
import { request } from "node:http";
import OpenAI, { toFile } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { idle, numbers, range, URL_V1 } from "./support.ts";

const openai = new OpenAI({ baseURL: URL_V1, apiKey: "none", maxRetries: 0 });
const question = {
  model: "counter",
  messages: [{ role: "user" as const, content: "w7" }],
  max_tokens: 50,
  temperature: 0,
};

Deno.test("openai: models", async () => {
  const ids = [];
  for await (const model of openai.models.list()) ids.push(model.id);
  assert.ok(ids.includes("counter"));
  assert.equal((await openai.models.retrieve("counter")).id, "counter");
});

Deno.test("openai: a whole answer", async () => {
  const answer = await openai.chat.completions.create(question);
  assert.deepEqual(numbers(answer.choices[0]?.message.content ?? ""), range(8, 50));
  assert.equal(answer.choices[0]?.finish_reason, "length");
  assert.equal(answer.usage?.completion_tokens, 50);
});

Deno.test("openai: a streamed answer of two choices with usage", async () => {
  const stream = await openai.chat.completions.create({
    ...question,
    n: 2,
    stream: true,
    stream_options: { include_usage: true },
  });
  const texts = ["", ""];
  const finish: unknown[] = [];
  let usage: number | undefined;
  for await (const chunk of stream) {
    for (const { index, delta, finish_reason } of chunk.choices) {
      texts[index] += delta.content ?? "";
      if (finish_reason) finish.push(finish_reason);
    }
    usage = chunk.usage?.completion_tokens ?? usage;
  }
  assert.deepEqual(texts.map(numbers), [range(8, 50), range(8, 50)]);
  assert.deepEqual(finish, ["length", "length"]);
  assert.equal(usage, 100);
});

Deno.test("openai: the stream helper, aborted in the middle, leaves nothing running", async () => {
  const stream = openai.chat.completions.stream({ ...question, max_tokens: 1900 });
  let text = "";
  stream.on("content", (delta) => {
    text += delta;
    if (text.length > 50) stream.abort();
  });
  await assert.rejects(stream.done(), OpenAI.APIUserAbortError);
  assert.deepEqual(numbers(text.replace(/ ?w?\d*$/, "")).slice(0, 5), range(8, 5));
  await idle();
});

Deno.test("openai: completions, several prompts and choices, streamed or not", async () => {
  const { choices, usage } = await openai.completions.create({
    model: "counter",
    prompt: ["w7", "w70"],
    n: 2,
    max_tokens: 3,
    temperature: 0,
  });
  assert.deepEqual(choices.map(({ text }) => numbers(text)[0]), [8, 8, 71, 71]);
  assert.equal(usage?.completion_tokens, 12);
  const texts = ["", ""];
  const stream = await openai.completions.create({
    model: "counter",
    prompt: "w7",
    n: 2,
    stream: true,
    temperature: 0,
  });
  for await (const { choices } of stream) texts[choices[0]!.index] += choices[0]!.text;
  assert.deepEqual(texts.map(numbers), [range(8, 16), range(8, 16)]);
});

Deno.test("openai: logprobs of chats and completions", async () => {
  const chat = await openai.chat.completions.create({
    ...question,
    max_tokens: 3,
    logprobs: true,
    top_logprobs: 2,
  });
  const content = chat.choices[0]?.logprobs?.content ?? [];
  assert.deepEqual(content.map(({ token }) => token), [" w8", " w9", " w10"]);
  assert.ok(content.every((each) => each.top_logprobs.length === 2 && each.logprob > -0.01));
  const completion = await openai.completions.create({
    model: "counter",
    prompt: "w7",
    max_tokens: 3,
    temperature: 0,
    logprobs: 1,
  });
  const { tokens, text_offset } = completion.choices[0]!.logprobs!;
  assert.deepEqual(tokens, [" w8", " w9", " w10"]);
  assert.deepEqual(text_offset, [0, 3, 6]);
});

for (const stream of [false, true]) {
  const kind = stream ? "streamed" : "whole";
  Deno.test(`openai: the tool runner calls a function and continues with its result, ${kind}`, async () => {
    const calls: unknown[] = [];
    const body = {
      model: "caller",
      messages: [{ role: "user" as const, content: "w1?" }],
      temperature: 0,
      max_tokens: 20,
      stop: " w10",
      tools: [{
        type: "function" as const,
        function: {
          name: "count",
          description: "counts",
          parameters: { type: "object" as const, properties: { from: { type: "integer" } } },
          parse: JSON.parse,
          function(given: { from: number }) {
            calls.push(given);
            return `w${given.from}`;
          },
        },
      }],
    };
    const runner = stream
      ? openai.chat.completions.runTools({ ...body, stream })
      : openai.chat.completions.runTools(body);
    assert.equal(await runner.finalContent(), " w8 w9");
    assert.deepEqual(calls, [{ from: 7 }]);
  });
}

Deno.test("openai: a parsed answer conforms to its schema", async () => {
  const Mood = z.object({ mood: z.enum(["calm", "merry"]), sure: z.boolean(), n: z.int() });
  const answer = await openai.chat.completions.parse({
    model: "demo",
    messages: [{ role: "user", content: "How are you?" }],
    temperature: 0,
    max_tokens: 200,
    response_format: zodResponseFormat(Mood, "mood"),
  });
  assert.ok(Mood.parse(answer.choices[0]?.message.parsed));
});

Deno.test("openai: embeddings of texts and token ids, as the client requests them", async () => {
  const { data, usage } = await openai.embeddings.create({
    model: "embedder",
    input: ["w1 w2", "w3"],
  });
  assert.deepEqual(data.map(({ index }) => index), [0, 1]);
  for (const { embedding } of data) {
    assert.equal(embedding.length, 64);
    assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-5);
  }
  assert.ok(usage.prompt_tokens > 2);
  const floats = await openai.embeddings.create({
    model: "embedder",
    input: "w3",
    encoding_format: "float",
  });
  floats.data[0]!.embedding.forEach((value, at) =>
    assert.ok(Math.abs(value - data[1]!.embedding[at]!) < 1e-6)
  );
  await openai.embeddings.create({ model: "counter", input: [[1, 2], [3]] });
});

Deno.test("openai: errors have the client's own types", async () => {
  const fails = async (
    more: Record<string, unknown>,
    type: new (...args: never[]) => Error,
    facts: Record<string, unknown>,
  ) =>
    await assert.rejects(
      openai.chat.completions.create({ ...question, ...more }),
      (error: Error) => {
        assert.ok(error instanceof type, `${error}`);
        assert.ok(error instanceof OpenAI.APIError);
        const { code, param } = error;
        assert.deepEqual({ code, param, ...facts }, { code, param, ...facts });
        for (const [key, value] of Object.entries(facts)) {
          assert.equal((error as unknown as Record<string, unknown>)[key], value);
        }
        return true;
      },
    );
  await fails({ model: "nope" }, OpenAI.NotFoundError, { code: "model_not_found" });
  await fails({ temperature: 999 }, OpenAI.BadRequestError, { param: "temperature" });
  await fails({ best_of: 3 }, OpenAI.BadRequestError, { param: "best_of" });
  await fails({ model: "embedder" }, OpenAI.BadRequestError, { code: "invalid_request" });
  const messages = [{ role: "user", content: "w1 ".repeat(6000) }];
  await fails({ messages, stream: true }, OpenAI.BadRequestError, {
    code: "context_length_exceeded",
  });
});

Deno.test("openai: a full queue is a rate limit, and the client retries by itself", async () => {
  let tries = 0;
  const patient = new OpenAI({
    baseURL: URL_V1,
    apiKey: "none",
    maxRetries: 5,
    async fetch(url, init) {
      const reply = await fetch(url, init);
      tries++;
      if (reply.status === 429) { for (const call of crowd) call.destroy(); }
      return reply;
    },
  });
  const body = { model: "counter", max_tokens: 1900, temperature: 0 };
  // Plain requests, so that each connection can be closed; streamed, as the server then notices
  // that at once.
  const crowd = [64, 36].map((prompts) => {
    const call = request(`${URL_V1}/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
    });
    call.on("error", () => {});
    call.end(JSON.stringify({ ...body, stream: true, prompt: Array(prompts).fill("w1") }));
    return call;
  });
  await waitForQueue();
  const small = { ...body, prompt: Array(16).fill("w1"), max_tokens: 1 };
  const { choices } = await patient.completions.create(small);
  assert.equal(choices.length, 16);
  assert.ok(tries >= 2, `${tries} tries`);
  await idle();
});

Deno.test("openai: a request that would fail again is not retried", async () => {
  let tries = 0;
  const client = new OpenAI({
    baseURL: URL_V1,
    apiKey: "none",
    maxRetries: 3,
    fetch(url, init) {
      tries++;
      return fetch(url, init);
    },
  });
  await assert.rejects(client.chat.completions.create({ ...question, model: "nope" }));
  assert.equal(tries, 1);
});

Deno.test("openai: a file of requests is uploaded, answered as a batch, and read", async () => {
  const url = "/v1/chat/completions";
  const lines = [8, 9].map((n) =>
    JSON.stringify({
      ...{ custom_id: `w${n}`, method: "POST", url },
      body: { ...question, messages: [{ role: "user", content: `w${n}` }] },
    })
  );
  const input = await openai.files.create({
    file: await toFile(new TextEncoder().encode(lines.join("\n")), "night.jsonl"),
    purpose: "batch",
    expires_after: { anchor: "created_at", seconds: 3600 },
  });
  assert.deepEqual([input.filename, input.status], ["night.jsonl", "processed"]);
  let batch = await openai.batches.create({
    input_file_id: input.id,
    endpoint: url,
    completion_window: "24h",
    metadata: { of: "conformance" },
  });
  while (batch.completed_at === null || batch.completed_at === undefined) {
    assert.notEqual(batch.status, "failed");
    batch = await openai.batches.retrieve(batch.id);
  }
  assert.deepEqual(batch.request_counts, { total: 2, completed: 2, failed: 0 });
  const text = await (await openai.files.content(batch.output_file_id!)).text();
  const answers = text.trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(answers.map(({ custom_id }) => custom_id), ["w8", "w9"]);
  assert.deepEqual(numbers(answers[0].response.body.choices[0].message.content)[0], 9);

  const files = [];
  for await (const file of openai.files.list({ limit: 1 })) files.push(file.id);
  assert.ok(files.includes(input.id) && files.includes(batch.output_file_id!));
  const batches = [];
  for await (const each of openai.batches.list({ limit: 1 })) batches.push(each.id);
  assert.deepEqual(batches, [batch.id]);
  await assert.rejects(openai.batches.cancel(batch.id), OpenAI.ConflictError);
  assert.equal((await openai.files.delete(input.id)).deleted, true);
  await assert.rejects(openai.files.retrieve(input.id), OpenAI.NotFoundError);
});

async function waitForQueue(): Promise<void> {
  for (;;) {
    const queue = await (await fetch(URL_V1.replace("/v1", "/v2/queue"))).json();
    if (queue.depth > queue.capacity - 16) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
