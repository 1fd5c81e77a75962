/** The official `@anthropic-ai/sdk` package, unchanged. */
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";
import { ASKS, HOUR_SCHEMA, idle, numbers, range, SAYS, URL_ROOT } from "./support.ts";

const anthropic = new Anthropic({ baseURL: URL_ROOT, apiKey: "none", maxRetries: 0 });
const count = {
  model: "counter",
  max_tokens: 50,
  temperature: 0,
  messages: [{ role: "user" as const, content: "w7" }],
};
const tools: Anthropic.Tool[] = [{
  name: "get_hour",
  description: "The time",
  input_schema: { ...HOUR_SCHEMA, required: [...HOUR_SCHEMA.required] },
}];
const ask = (content: string) => ({
  model: "script",
  max_tokens: 200,
  tools,
  messages: [{ role: "user" as const, content }],
});

Deno.test("anthropic: a whole message", async () => {
  const { id, role, content, stop_reason, usage } = await anthropic.messages.create(count);
  assert.match(id, /^msg_/);
  assert.equal(role, "assistant");
  assert.deepEqual(content.map(({ type }) => type), ["text"]);
  assert.deepEqual(numbers(content[0]?.type === "text" ? content[0].text : ""), range(8, 50));
  assert.equal(stop_reason, "max_tokens");
  assert.equal(usage.output_tokens, 50);
});

Deno.test("anthropic: a stop sequence is named", async () => {
  const { content, stop_reason, stop_sequence } = await anthropic.messages.create({
    ...count,
    stop_sequences: [" w12"],
  });
  assert.deepEqual(numbers(content[0]?.type === "text" ? content[0].text : ""), range(8, 4));
  assert.equal(stop_reason, "stop_sequence");
  assert.equal(stop_sequence, " w12");
});

Deno.test("anthropic: raw events of a stream", async () => {
  let text = "";
  const types: string[] = [];
  for await (const event of await anthropic.messages.create({ ...count, stream: true })) {
    if (event.type !== types.at(-1)) types.push(event.type);
    if (event.type === "content_block_delta" && event.delta.type === "text_delta") {
      text += event.delta.text;
    }
  }
  assert.deepEqual(numbers(text), range(8, 50));
  assert.deepEqual(types, [
    ...["message_start", "content_block_start", "content_block_delta", "content_block_stop"],
    ...["message_delta", "message_stop"],
  ]);
});

Deno.test("anthropic: the stream helper puts the message together", async () => {
  const stream = anthropic.messages.stream(count);
  let text = "";
  stream.on("text", (delta) => text += delta);
  const { content, stop_reason, usage } = await stream.finalMessage();
  assert.deepEqual(numbers(text), range(8, 50));
  assert.deepEqual(content.map((block) => block.type === "text" && block.text), [text]);
  assert.equal(stop_reason, "max_tokens");
  assert.equal(usage.output_tokens, 50);
});

Deno.test("anthropic: the stream helper, aborted in the middle, leaves nothing running", async () => {
  const stream = anthropic.messages.stream({ ...count, max_tokens: 1900 });
  stream.on("text", (_, text) => {
    if (text.length > 50) stream.abort();
  });
  await assert.rejects(stream.done(), Anthropic.APIUserAbortError);
  await idle();
});

/** The message with a call, and what follows when it has its result. */
async function toolRound(
  send: (body: ReturnType<typeof ask>) => Promise<Anthropic.Message>,
): Promise<void> {
  const question = ask(ASKS.call);
  const called = await send(question);
  assert.equal(called.stop_reason, "tool_use");
  const [thought, call] = called.content;
  assert.equal(called.content.length, 2);
  assert.ok(thought?.type === "thinking" && thought.thinking.trim() === SAYS.thoughtOfCall);
  assert.ok(call?.type === "tool_use");
  assert.deepEqual({ name: call.name, input: call.input }, {
    name: "get_hour",
    input: { city: "Oslo" },
  });
  const answered = await send({
    ...question,
    messages: [
      ...question.messages,
      { role: "assistant", content: called.content },
      {
        role: "user",
        content: [{ type: "tool_result", tool_use_id: call.id, content: ASKS.answer }],
      },
    ] as unknown as typeof question.messages,
  });
  assert.equal(answered.stop_reason, "end_turn");
  assert.deepEqual(answered.content.map(({ type }) => type), ["thinking", "text"]);
  const [, text] = answered.content;
  assert.equal(text?.type === "text" && text.text, SAYS.answer);
  const { input_tokens, cache_read_input_tokens } = answered.usage;
  assert.ok(input_tokens > 0);
  assert.ok(cache_read_input_tokens! > 100, "the question is not evaluated again");
}

Deno.test("anthropic: a tool is called and its result answered, whole", () =>
  toolRound((body) => anthropic.messages.create(body)));

Deno.test("anthropic: a tool is called and its result answered, streamed", () =>
  toolRound(async (body) => {
    const stream = anthropic.messages.stream(body);
    const inputs: unknown[] = [];
    stream.on("inputJson", (_, soFar) => inputs.push(soFar));
    const message = await stream.finalMessage();
    if (message.stop_reason === "tool_use") {
      assert.ok(inputs.length >= 2, "arguments come in pieces");
      assert.deepEqual(inputs.at(-1), { city: "Oslo" });
    }
    return message;
  }));

Deno.test("anthropic: a tool that must be called is called, and one that may not is not", async () => {
  const forced = await anthropic.messages.create({
    ...ask("How are you?"),
    model: "demo",
    tool_choice: { type: "tool", name: "get_hour" },
  });
  assert.deepEqual(forced.content.map((block) => block.type), ["tool_use"]);
  const free = await anthropic.messages.create({
    ...ask(ASKS.answer),
    tool_choice: { type: "none" },
  });
  assert.equal(free.stop_reason, "end_turn");
});

Deno.test("anthropic: thoughts have a block of their own", async () => {
  const body = { ...ask("Now? ①"), tools: [], max_tokens: 1200 };
  const thinking = { type: "enabled" as const, budget_tokens: 1024 };
  const { content } = await anthropic.messages.create({ ...body, thinking });
  assert.deepEqual(content.map(({ type }) => type), ["thinking", "text"]);
  const [thought] = content;
  assert.ok(thought?.type === "thinking");
  assert.equal(thought.thinking.trim(), SAYS.thought);
  assert.equal(typeof thought.signature, "string");
  let streamed = "";
  const stream = anthropic.messages.stream({ ...body, thinking });
  stream.on("thinking", (delta) => streamed += delta);
  await stream.done();
  assert.equal(streamed, thought.thinking);
  const none = await anthropic.messages.create({ ...body, thinking: { type: "disabled" } });
  assert.ok(none.content.every(({ type }) => type !== "thinking"));
});

Deno.test("anthropic: the tokens of a prompt are counted as they are used", async () => {
  for (const body of [count, ask(ASKS.call)]) {
    const { max_tokens, ...prompt } = body;
    const { input_tokens } = await anthropic.messages.countTokens(
      "temperature" in prompt ? { model: prompt.model, messages: prompt.messages } : prompt,
    );
    const { usage } = await anthropic.messages.create({ ...body, max_tokens });
    assert.equal(usage.input_tokens + usage.cache_read_input_tokens!, input_tokens);
  }
});

Deno.test("anthropic: a parsed answer conforms to its schema", async () => {
  const Mood = z.object({ mood: z.enum(["calm", "merry"]), sure: z.boolean() });
  const { parsed_output } = await anthropic.messages.parse({
    model: "demo",
    max_tokens: 200,
    temperature: 0,
    messages: [{ role: "user", content: "How are you?" }],
    output_config: { format: zodOutputFormat(Mood) },
  });
  assert.ok(Mood.parse(parsed_output));
});

Deno.test("anthropic: models", async () => {
  const ids: string[] = [];
  for await (const model of anthropic.models.list()) {
    assert.equal(model.type, "model");
    ids.push(model.id);
  }
  assert.ok(ids.includes("counter"));
  assert.equal((await anthropic.models.retrieve("counter")).id, "counter");
});

Deno.test("anthropic: errors have the client's own types", async () => {
  const fails = (
    more: Record<string, unknown>,
    type: new (...args: never[]) => Error,
    kind: string,
    message: RegExp,
  ) =>
    assert.rejects(anthropic.messages.create({ ...count, ...more }), (error: Error) => {
      assert.ok(error instanceof type, `${error}`);
      assert.ok(error instanceof Anthropic.APIError);
      assert.equal(error.type, kind);
      assert.match(error.message, message);
      assert.equal(typeof error.requestID, "string");
      return true;
    });
  await fails({ model: "nope" }, Anthropic.NotFoundError, "not_found_error", /nope/);
  const { BadRequestError } = Anthropic;
  await fails({ temperature: 999 }, BadRequestError, "invalid_request_error", /temperature/);
  await fails({ max_tokens: 0 }, BadRequestError, "invalid_request_error", /max_tokens/);
  const messages = [{ role: "user", content: "w1 ".repeat(6000) }];
  await fails({ messages, stream: true }, BadRequestError, "invalid_request_error", /too long/);
  const image = {
    type: "image",
    source: { type: "base64", media_type: "image/png", data: "AA==" },
  };
  const pictures = [{ role: "user", content: [image] }];
  await fails({ messages: pictures }, BadRequestError, "invalid_request_error", /image/);
});
