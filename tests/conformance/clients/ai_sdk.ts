/** The Vercel AI SDK with its provider for OpenAI-compatible servers, unchanged. */
import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateText, isStepCount, Output, streamText, tool } from "ai";
import { z } from "zod";
import { idle, numbers, range, URL_V1 } from "./support.ts";

const llorch = createOpenAICompatible({
  name: "llorch",
  baseURL: URL_V1,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const count = { model: llorch("counter"), prompt: "w7", temperature: 0, maxRetries: 0 };

Deno.test("AI SDK: streamed text with usage", async () => {
  const result = streamText({ ...count, maxOutputTokens: 40 });
  let text = "";
  for await (const piece of result.textStream) text += piece;
  assert.deepEqual(numbers(text), range(8, 40));
  assert.equal(await result.finishReason, "length");
  assert.equal((await result.usage).outputTokens, 40);
});

Deno.test("AI SDK: a stream that is aborted leaves nothing running", async () => {
  const leave = new AbortController();
  const result = streamText({ ...count, maxOutputTokens: 1900, abortSignal: leave.signal });
  let pieces = 0;
  for await (const _ of result.textStream) if (++pieces === 5) leave.abort();
  assert.ok(pieces < 1900);
  await idle();
});

const tools = {
  count: tool({
    description: "counts",
    inputSchema: z.object({ from: z.int() }),
    execute: ({ from }) => `w${from}`,
  }),
};
const call = {
  model: llorch("caller"),
  prompt: "w1?",
  temperature: 0,
  maxRetries: 0,
  maxOutputTokens: 20,
  stopSequences: [" w10"],
  tools,
  stopWhen: isStepCount(3),
};

Deno.test("AI SDK: a tool is called and its result answered, whole and streamed", async () => {
  const whole = await generateText(call);
  assert.equal(whole.text, " w8 w9");
  assert.deepEqual(whole.steps[0]?.toolCalls.map(({ input }) => input), [{ from: 7 }]);
  const streamed = streamText(call);
  let text = "";
  for await (const piece of streamed.textStream) text += piece;
  assert.equal(text, " w8 w9");
  const steps = await streamed.steps;
  assert.deepEqual(steps[0]?.toolResults.map(({ output }) => output), ["w7"]);
});

Deno.test("AI SDK: a tool that must be called is called", async () => {
  const { toolCalls } = await generateText({
    ...call,
    model: llorch("demo"),
    maxOutputTokens: 200,
    toolChoice: "required",
    stopWhen: isStepCount(1),
    stopSequences: [],
  });
  assert.equal(toolCalls[0]?.toolName, "count");
});

Deno.test("AI SDK: a structured object conforms to its schema", async () => {
  const schema = z.object({
    mood: z.enum(["calm", "merry"]),
    tags: z.array(z.boolean()).length(2),
  });
  const { output } = await generateText({
    model: llorch("demo"),
    prompt: "How are you?",
    temperature: 0,
    maxRetries: 0,
    maxOutputTokens: 200,
    output: Output.object({ schema }),
  });
  assert.ok(schema.parse(output));
});

Deno.test("AI SDK: embeddings", async () => {
  const { embeddings, usage } = await embedMany({
    model: llorch.embeddingModel("embedder"),
    values: ["w1", "w2", "w3"],
  });
  assert.deepEqual(embeddings.map((each) => each.length), [64, 64, 64]);
  assert.ok(usage.tokens >= 3);
});

Deno.test("AI SDK: an error has its status, its code and whether to retry", async () => {
  await assert.rejects(generateText({ ...count, model: llorch("nope") }), (error: unknown) => {
    assert.ok(APICallError.isInstance(error));
    assert.equal(error.statusCode, 404);
    assert.equal(error.isRetryable, false);
    assert.match(error.responseBody ?? "", /model_not_found/);
    return true;
  });
});
