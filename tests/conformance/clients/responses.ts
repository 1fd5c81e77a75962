/** The official `openai` package and its newer API, unchanged. */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { ASKS, HOUR_SCHEMA, idle, numbers, range, SAYS, URL_V1 } from "./support.ts";

type Request = Omit<OpenAI.Responses.ResponseCreateParamsNonStreaming, "stream">;
type Reply = OpenAI.Responses.Response;

const openai = new OpenAI({ baseURL: URL_V1, apiKey: "none", maxRetries: 0 });
const count: Request = {
  model: "counter",
  input: "w7",
  max_output_tokens: 50,
  temperature: 0,
  store: false,
};
const tools: OpenAI.Responses.FunctionTool[] = [{
  type: "function",
  name: "get_hour",
  description: "The time",
  parameters: { ...HOUR_SCHEMA, additionalProperties: false },
  strict: true,
}];

Deno.test("responses: a whole response", async () => {
  const reply = await openai.responses.create(count);
  assert.match(reply.id, /^resp_/);
  assert.deepEqual(numbers(reply.output_text), range(8, 50));
  assert.equal(reply.status, "incomplete");
  assert.equal(reply.incomplete_details?.reason, "max_output_tokens");
  assert.equal(reply.usage?.output_tokens, 50);
});

Deno.test("responses: raw events are numbered without a gap, and each has its place", async () => {
  const events = [];
  for await (const event of await openai.responses.create({ ...count, stream: true })) {
    events.push(event);
  }
  assert.deepEqual(events.map((each) => each.sequence_number), range(0, events.length));
  const types = events.map(({ type }) => type);
  assert.deepEqual(types.filter((type, index) => type !== types[index - 1]), [
    ...["response.created", "response.in_progress", "response.output_item.added"],
    ...["response.content_part.added", "response.output_text.delta"],
    ...["response.output_text.done", "response.content_part.done"],
    ...["response.output_item.done", "response.incomplete"],
  ]);
});

Deno.test("responses: the stream helper puts the response together", async () => {
  const stream = openai.responses.stream({ ...count, max_output_tokens: 20 });
  let text = "";
  stream.on("response.output_text.delta", ({ delta, snapshot }) => {
    text += delta;
    assert.equal(snapshot, text);
  });
  const reply = await stream.finalResponse();
  assert.deepEqual(numbers(text), range(8, 20));
  assert.equal(reply.output_text, text);
  assert.equal(reply.usage?.output_tokens, 20);
});

Deno.test("responses: the stream helper, aborted in the middle, leaves nothing running", async () => {
  const stream = openai.responses.stream({ ...count, max_output_tokens: 1900 });
  stream.on("response.output_text.delta", ({ snapshot }) => {
    if (snapshot.length > 50) stream.abort();
  });
  await assert.rejects(stream.done(), OpenAI.APIUserAbortError);
  await idle();
});

/** The response with a call, and what follows when it has its result. */
async function toolRound(send: (body: Request) => Promise<Reply>): Promise<void> {
  const input: OpenAI.Responses.ResponseInput = [{ role: "user", content: ASKS.call }];
  const body: Request = { model: "script", input, tools, store: false };
  const called = await send(body);
  assert.equal(called.status, "completed");
  assert.deepEqual(called.output.map(({ type }) => type), ["reasoning", "function_call"]);
  const [thought, call] = called.output;
  assert.ok(thought?.type === "reasoning");
  assert.equal(thought.content?.[0]?.text.trim(), SAYS.thoughtOfCall);
  assert.ok(call?.type === "function_call");
  assert.equal(call.name, "get_hour");
  assert.deepEqual(JSON.parse(call.arguments), { city: "Oslo" });
  const result = {
    type: "function_call_output" as const,
    call_id: call.call_id,
    output: ASKS.answer,
  };
  const answered = await send({
    ...body,
    input: [...input, ...called.output as OpenAI.Responses.ResponseInput, result],
  });
  assert.deepEqual(answered.output.map(({ type }) => type), ["reasoning", "message"]);
  assert.equal(answered.output_text, SAYS.answer);
  const { input_tokens, input_tokens_details, output_tokens_details } = answered.usage!;
  assert.ok(input_tokens_details.cached_tokens > 100, "the question is not evaluated again");
  assert.ok(input_tokens > input_tokens_details.cached_tokens);
  assert.ok(output_tokens_details.reasoning_tokens > 0);
}

Deno.test("responses: a function is called and its result answered, whole", () =>
  toolRound((body) => openai.responses.create(body)));

Deno.test("responses: a function is called and its result answered, streamed", () =>
  toolRound(async (body) => {
    const stream = openai.responses.stream(body);
    let pieces = 0;
    stream.on("response.function_call_arguments.delta", () => pieces++);
    const reply = await stream.finalResponse();
    if (reply.output.some(({ type }) => type === "function_call")) {
      assert.ok(pieces >= 2, "arguments come in pieces");
    }
    return reply as Reply;
  }));

Deno.test("responses: a function that must be called is called", async () => {
  const { output } = await openai.responses.create({
    model: "demo",
    input: "How are you?",
    tools,
    tool_choice: { type: "function", name: "get_hour" },
    max_output_tokens: 200,
    store: false,
  });
  assert.deepEqual(output.map(({ type }) => type), ["function_call"]);
});

Deno.test("responses: a parsed answer conforms to its schema, whole and streamed", async () => {
  const Mood = z.object({ mood: z.enum(["calm", "merry"]), sure: z.boolean() });
  const body = {
    model: "demo",
    input: "How are you?",
    temperature: 0,
    max_output_tokens: 200,
    store: false,
    text: { format: zodTextFormat(Mood, "mood") },
  };
  const whole = await openai.responses.parse(body);
  assert.ok(Mood.parse(whole.output_parsed));
  const streamed = await openai.responses.stream(body).finalResponse();
  assert.deepEqual(streamed.output_parsed, whole.output_parsed);
});

Deno.test("responses: logprobs", async () => {
  const { output } = await openai.responses.create({
    ...count,
    max_output_tokens: 3,
    include: ["message.output_text.logprobs"],
    top_logprobs: 2,
  });
  const [message] = output;
  assert.ok(message?.type === "message");
  const [part] = message.content;
  assert.ok(part?.type === "output_text");
  assert.deepEqual(part.logprobs?.map(({ token }) => token), [" w8", " w9", " w10"]);
  assert.ok(part.logprobs?.every((each) => each.top_logprobs.length === 2 && each.logprob > -0.01));
});

Deno.test("responses: instructions, roles and parts of every kind are read", async () => {
  const body: Request = { model: "script", input: "①", store: false };
  const short = await openai.responses.create(body);
  const reply = await openai.responses.create({
    ...body,
    instructions: "Be brief",
    input: [
      { role: "developer", content: "Be kind" },
      { type: "message", role: "user", content: [{ type: "input_text", text: "Hello" }] },
      { role: "assistant", content: "Hello" },
      { role: "user", content: "①" },
    ],
  });
  assert.equal(reply.output_text, SAYS.answer);
  assert.equal(reply.instructions, "Be brief");
  assert.ok(reply.usage!.input_tokens >= short.usage!.input_tokens + 25, "each is in the prompt");
});

Deno.test("responses: errors have the client's own types", async () => {
  const fails = (
    more: Partial<Record<keyof Request, unknown>>,
    type: new (...args: never[]) => Error,
    facts: Readonly<Record<string, unknown>>,
  ) =>
    assert.rejects(openai.responses.create({ ...count, ...more } as Request), (error: Error) => {
      assert.ok(error instanceof type, `${error}`);
      for (const [key, value] of Object.entries(facts)) {
        assert.equal((error as unknown as Record<string, unknown>)[key], value, key);
      }
      return true;
    });
  await fails({ model: "nope" }, OpenAI.NotFoundError, { code: "model_not_found" });
  await fails({ temperature: 999 }, OpenAI.BadRequestError, { param: "temperature" });
  await fails({ input: [] }, OpenAI.BadRequestError, { param: "input" });
  await fails({ input: "w1 ".repeat(6000) }, OpenAI.BadRequestError, {
    code: "context_length_exceeded",
  });
});
