import assert from "node:assert/strict";
import { dirname, join } from "node:path";

import OpenAI from "openai";
import { counterModel, writeCallerModel } from "../support/models.ts";
import { range, withStack } from "../support/stack.ts";

const numbers = (text: string) => (text.match(/\d+/g) ?? []).map(Number);

Deno.test("the official OpenAI client works unchanged", async (t) => {
  await withStack({ models: dirname(counterModel()), model: "counter" }, async ({ url }) => {
    const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
    const request = {
      model: "counter",
      messages: [{ role: "user" as const, content: "w7" }],
      max_tokens: 50,
      temperature: 0,
    };

    await t.step("models", async () => {
      const ids = [];
      for await (const model of openai.models.list()) ids.push(model.id);
      assert.ok(ids.includes("counter"));
      assert.equal((await openai.models.retrieve("counter")).id, "counter");
    });

    await t.step("a whole answer", async () => {
      const answer = await openai.chat.completions.create(request);
      assert.deepEqual(numbers(answer.choices[0]?.message.content ?? ""), range(8, 50));
      assert.equal(answer.choices[0]?.finish_reason, "length");
      assert.equal(answer.usage?.completion_tokens, 50);
    });

    await t.step("a streamed answer with usage", async () => {
      const stream = await openai.chat.completions.create({
        ...request,
        stream: true,
        stream_options: { include_usage: true },
      });
      let text = "";
      let finish: string | null | undefined;
      let usage: number | undefined;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? "";
        finish = chunk.choices[0]?.finish_reason ?? finish;
        usage = chunk.usage?.completion_tokens ?? usage;
      }
      assert.deepEqual(numbers(text), range(8, 50));
      assert.equal(finish, "length");
      assert.equal(usage, 50);
    });

    await t.step("completions: several prompts, several choices, streamed or not", async () => {
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

    await t.step("logprobs", async () => {
      const chat = await openai.chat.completions.create({
        ...request,
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

    await t.step("the stream helper, stopped in the middle", async () => {
      const stream = openai.chat.completions.stream({ ...request, max_tokens: 1000 });
      let text = "";
      stream.on("content", (delta) => {
        text += delta;
        if (text.length > 50) stream.abort();
      });
      await assert.rejects(stream.done(), OpenAI.APIUserAbortError);
      assert.deepEqual(numbers(text.replace(/ ?w?\d*$/, "")).slice(0, 5), range(8, 5));
    });

    await t.step("errors are the client's own types", async () => {
      await assert.rejects(
        openai.chat.completions.create({ ...request, model: "nope" }),
        (error: InstanceType<typeof OpenAI.APIError>) =>
          error instanceof OpenAI.NotFoundError && error.code === "MODEL_NOT_FOUND",
      );
      await assert.rejects(
        openai.chat.completions.create({ ...request, temperature: 99 }),
        (error: InstanceType<typeof OpenAI.APIError>) =>
          error instanceof OpenAI.BadRequestError && error.param === "temperature",
      );
      await assert.rejects(
        openai.chat.completions.create({
          ...request,
          messages: [{ role: "user", content: "w1 ".repeat(6000) }],
          stream: true,
        }),
        (error: InstanceType<typeof OpenAI.APIError>) =>
          error instanceof OpenAI.BadRequestError && error.code === "CONTEXT_LENGTH_EXCEEDED",
      );
    });
  });
});

Deno.test("the official OpenAI client's tool runner calls a function and goes on with its result", async () => {
  const models = await Deno.makeTempDir();
  writeCallerModel(join(models, "caller.gguf"));
  try {
    await withStack({ models, model: "caller" }, async ({ url }) => {
      const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
      for (const stream of [false, true]) {
        const asked: unknown[] = [];
        const runner = openai.chat.completions.runTools(
          {
            model: "caller",
            messages: [{ role: "user", content: "w1?" }],
            temperature: 0,
            max_tokens: 20,
            stop: " w10",
            tools: [{
              type: "function",
              function: {
                name: "count",
                description: "counts",
                parameters: { type: "object", properties: { from: { type: "integer" } } },
                parse: JSON.parse,
                function: (given: { from: number }) => {
                  asked.push(given);
                  return `w${given.from}`;
                },
              },
            }],
            ...(stream ? { stream } : {}),
          } as Parameters<typeof openai.chat.completions.runTools>[0],
        );
        assert.equal(await runner.finalContent(), " w8 w9");
        assert.deepEqual(asked, [{ from: 7 }]);
      }
    });
  } finally {
    await Deno.remove(models, { recursive: true });
  }
});
