/** LangChain's classes for OpenAI, unchanged. */
import assert from "node:assert/strict";
import { HumanMessage, ToolMessage } from "@langchain/core/messages";
import { ChatOpenAI, OpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { z } from "zod";
import { numbers, range, URL_V1 } from "./support.ts";

const configuration = { baseURL: URL_V1 };
const shared = { apiKey: "none", configuration, temperature: 0, maxRetries: 0 };
const chat = (model: string, more: Record<string, unknown> = {}) =>
  new ChatOpenAI({ ...shared, model, maxTokens: 40, ...more });

Deno.test("LangChain: a chat, whole and streamed", async () => {
  const answer = await chat("counter").invoke("w7");
  assert.deepEqual(numbers(String(answer.content)), range(8, 40));
  assert.equal(answer.usage_metadata?.output_tokens, 40);
  let text = "";
  for await (const chunk of await chat("counter").stream("w7")) text += chunk.content;
  assert.deepEqual(numbers(text), range(8, 40));
});

Deno.test("LangChain: a tool is called, and its result answered", async () => {
  const count = {
    type: "function" as const,
    function: {
      name: "count",
      description: "counts",
      parameters: { type: "object", properties: { from: { type: "integer" } } },
    },
  };
  const model = chat("caller", { maxTokens: 3 }).bindTools([count]);
  const question = new HumanMessage("w1?");
  const call = await chat("caller").bindTools([count]).invoke([question]);
  assert.deepEqual(call.tool_calls?.map(({ name, args }) => ({ name, args })), [
    { name: "count", args: { from: 7 } },
  ]);
  const result = new ToolMessage({ content: "w7", tool_call_id: call.tool_calls![0]!.id! });
  const answer = await model.invoke([question, call, result]);
  assert.equal(answer.content, " w8 w9 w10");
});

Deno.test("LangChain: structured output by a schema and by a function", async () => {
  const Mood = z.object({ mood: z.enum(["calm", "merry"]), sure: z.boolean() });
  for (const method of ["jsonSchema", "functionCalling"] as const) {
    const model = chat("demo", { maxTokens: 200 }).withStructuredOutput(Mood, {
      name: "mood",
      method,
    });
    assert.ok(Mood.parse(await model.invoke("How are you?")));
  }
});

Deno.test("LangChain: completions", async () => {
  const model = new OpenAI({ ...shared, model: "counter", maxTokens: 5 });
  const { generations } = await model.generate(["w7", "w70"]);
  assert.deepEqual(generations.map(([one]) => numbers(one!.text)), [range(8, 5), range(71, 5)]);
});

Deno.test("LangChain: embeddings", async () => {
  const embeddings = new OpenAIEmbeddings({ ...shared, model: "embedder" });
  const vectors = await embeddings.embedDocuments(["w1", "w2"]);
  assert.deepEqual(vectors.map((each) => each.length), [64, 64]);
  assert.equal((await embeddings.embedQuery("w1")).length, 64);
});

Deno.test("LangChain: an error keeps its status", async () => {
  await assert.rejects(chat("nope").invoke("w7"), { status: 404 });
});
