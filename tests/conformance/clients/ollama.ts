/** The official `ollama` package, unchanged. */
import assert from "node:assert/strict";
import { Ollama } from "ollama";
import { z } from "zod";
import { ASKS, HOUR_SCHEMA, idle, numbers, range, SAYS, URL_ROOT } from "./support.ts";

const ollama = new Ollama({ host: URL_ROOT });
const options = { num_predict: 50, temperature: 0 };
const count = { model: "counter", messages: [{ role: "user", content: "w7" }], options };
const tools = [{
  type: "function",
  function: {
    name: "get_hour",
    description: "The time",
    parameters: { ...HOUR_SCHEMA, required: [...HOUR_SCHEMA.required] },
  },
}];

/** The durations and counts of a reply's end. */
interface Measured {
  readonly done: boolean;
  readonly done_reason: string;
  readonly total_duration: number;
  readonly prompt_eval_count: number;
  readonly eval_count: number;
  readonly eval_duration: number;
}

function checkEnd(end: Measured, reason: string, tokens: number): void {
  assert.equal(end.done, true);
  assert.equal(end.done_reason, reason);
  assert.equal(end.eval_count, tokens);
  assert.ok(end.prompt_eval_count > 0);
  assert.ok(end.total_duration >= end.eval_duration && end.eval_duration > 0);
}

Deno.test("ollama: a chat, whole and streamed", async () => {
  const whole = await ollama.chat(count);
  assert.deepEqual(numbers(whole.message.content), range(8, 50));
  assert.ok(!Number.isNaN(new Date(whole.created_at).getTime()));
  checkEnd(whole, "length", 50);
  let text = "";
  let last: Measured | undefined;
  for await (const part of await ollama.chat({ ...count, stream: true })) {
    assert.equal(part.model, "counter");
    text += part.message.content;
    last = part;
  }
  assert.equal(text, whole.message.content);
  checkEnd(last!, "length", 50);
});

Deno.test("ollama: a text, whole and streamed", async () => {
  const body = { model: "counter", prompt: "w7", raw: true, options };
  const whole = await ollama.generate(body);
  assert.deepEqual(numbers(whole.response ?? ""), range(8, 50));
  checkEnd(whole, "length", 50);
  let text = "";
  let last: Measured | undefined;
  for await (const part of await ollama.generate({ ...body, stream: true })) {
    text += part.response;
    last = part;
  }
  assert.equal(text, whole.response);
  checkEnd(last!, "length", 50);
});

Deno.test("ollama: options end a text, and names may have a tag", async () => {
  const { message, done_reason } = await ollama.chat({
    ...count,
    model: "counter:latest",
    options: { ...options, stop: [" w12"] },
  });
  assert.deepEqual(numbers(message.content), range(8, 4));
  assert.equal(done_reason, "stop");
});

Deno.test("ollama: a stream that is aborted leaves nothing running", async () => {
  const stream = await ollama.chat({
    ...count,
    stream: true,
    options: { ...options, num_predict: 1900 },
  });
  let parts = 0;
  await assert.rejects(async () => {
    for await (const _ of stream) if (++parts === 5) stream.abort();
  }, { name: "AbortError" });
  await idle();
});

Deno.test("ollama: a tool is called and its result answered, whole and streamed", async () => {
  const messages = [{ role: "user", content: ASKS.call }];
  const called = await ollama.chat({ model: "script", messages, tools });
  const { thinking, tool_calls } = called.message;
  assert.equal(thinking?.trim(), SAYS.thoughtOfCall);
  assert.deepEqual(tool_calls?.map((call) => call.function.name), ["get_hour"]);
  assert.deepEqual(tool_calls?.[0]?.function.arguments, { city: "Oslo" });
  const more = [
    ...messages,
    called.message,
    { role: "tool", tool_name: "get_hour", content: ASKS.answer },
  ];
  const answered = await ollama.chat({ model: "script", messages: more, tools });
  assert.equal(answered.message.content, SAYS.answer);
  assert.equal(answered.done_reason, "stop");
  const calls = [];
  for await (const part of await ollama.chat({ model: "script", messages, tools, stream: true })) {
    calls.push(...part.message.tool_calls ?? []);
  }
  assert.deepEqual(calls.map((call) => call.function.arguments), [{ city: "Oslo" }]);
});

Deno.test("ollama: thoughts have a field of their own, and think: false leaves them out", async () => {
  const body = { model: "script", messages: [{ role: "user", content: "Now? ①" }] };
  const { message } = await ollama.chat({ ...body, think: true });
  assert.equal(message.thinking?.trim(), SAYS.thought);
  assert.equal(message.content, SAYS.answer);
  const short = { ...body, options: { num_predict: 20 } };
  assert.ok(!(await ollama.chat({ ...short, think: false })).message.thinking);
});

Deno.test("ollama: an answer conforms to its format", async () => {
  const Mood = z.object({ mood: z.enum(["calm", "merry"]), sure: z.boolean() });
  const body = {
    model: "demo",
    messages: [{ role: "user", content: "How are you?" }],
    options: { num_predict: 200, temperature: 0 },
  };
  const { message } = await ollama.chat({ ...body, format: z.toJSONSchema(Mood) });
  assert.ok(Mood.parse(JSON.parse(message.content)));
});

Deno.test("ollama: embeddings of one text and of several, in both routes", async () => {
  const several = await ollama.embed({ model: "embedder", input: ["w1 w2", "w3"] });
  assert.deepEqual(several.embeddings.map((each) => each.length), [64, 64]);
  for (const vector of several.embeddings) {
    assert.ok(Math.abs(Math.hypot(...vector) - 1) < 1e-5);
  }
  assert.ok(several.prompt_eval_count > 2);
  const one = await ollama.embed({ model: "embedder", input: "w3" });
  assert.deepEqual(one.embeddings.length, 1);
  const { embedding } = await ollama.embeddings({ model: "embedder", prompt: "w3" });
  assert.equal(embedding.length, 64);
});

Deno.test("ollama: an empty chat loads the model", async () => {
  const { done_reason } = await ollama.chat({ model: "script", messages: [] });
  assert.equal(done_reason, "load");
  const { models } = await ollama.ps();
  assert.ok(models.some(({ name }) => name === "script:latest"));
});

Deno.test("ollama: the lists of models", async () => {
  assert.match((await ollama.version()).version, /^\d+\.\d+\.\d+/);
  const { models } = await ollama.list();
  const counter = models.find(({ name }) => name === "counter:latest");
  assert.ok(counter && counter.size > 0);
  assert.equal(counter.details.family, "llama");
  const shown = await ollama.show({ model: "counter" });
  assert.ok(shown.capabilities.includes("completion"));
  const info = shown.model_info as unknown as Record<string, unknown>;
  assert.equal(info["general.architecture"], "llama");
  assert.ok(Number(info["llama.context_length"]) > 0);
  const embedder = await ollama.show({ model: "embedder" });
  assert.deepEqual(embedder.capabilities, ["embedding"]);
});

Deno.test("ollama: a model that is there is pulled at once; others and changes are refused", async () => {
  assert.equal((await ollama.pull({ model: "counter" })).status, "success");
  const fails = (call: Promise<unknown>, status: number, message: RegExp) =>
    assert.rejects(call, (error: Error) => {
      assert.equal(error.name, "ResponseError");
      assert.equal((error as Error & { status_code: number }).status_code, status);
      assert.match(error.message, message);
      return true;
    });
  await fails(ollama.pull({ model: "nope" }), 404, /nope/);
  await fails(ollama.chat({ ...count, model: "nope" }), 404, /nope/);
  await fails(ollama.show({ model: "nope" }), 404, /nope/);
  await fails(ollama.delete({ model: "counter" }), 501, /llorch models delete/);
  await fails(ollama.copy({ source: "counter", destination: "other" }), 501, /./);
  const bad = { ...count, options: { temperature: 999 } };
  await fails(ollama.chat(bad), 400, /temperature/);
  const images = [{ role: "user", content: "See", images: ["AA=="] }];
  await fails(ollama.chat({ ...count, messages: images }), 400, /image/);
  const long = [{ role: "user", content: "w1 ".repeat(6000) }];
  await fails(ollama.chat({ ...count, messages: long }), 400, /context/);
});
