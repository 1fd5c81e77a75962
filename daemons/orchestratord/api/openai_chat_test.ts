import assert from "node:assert/strict";
import { chatChunk, chatCompletion, chatRequest, type EndData } from "#shared/contracts/mod.ts";
import { ChatTranslator, toTask } from "./openai_chat.ts";

const END: EndData = {
  tokens_in: 3,
  tokens_cached: 1,
  tokens_out: 2,
  ttft_ms: 1,
  decode_time_ms: 1,
  stop_reason: "EOS",
  seed: 1,
};

const request = (more: Record<string, unknown> = {}) =>
  chatRequest.parse({ model: "m", messages: [{ role: "user", content: "hi" }], ...more });

Deno.test("toTask() leaves out what is null and keeps our defaults", () => {
  const task = toTask(request({ temperature: null, stop: null, max_tokens: null }));
  assert.equal(task.temperature, 0.8);
  assert.equal(task.max_tokens, undefined);
});

Deno.test("toTask() joins text parts and reads developer as system", () => {
  const task = toTask(request({
    messages: [
      { role: "developer", content: "be brief" },
      { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] },
    ],
  }));
  assert.deepEqual(task.messages, [
    { role: "system", content: "be brief" },
    { role: "user", content: "ab" },
  ]);
});

Deno.test("toTask() prefers max_completion_tokens and makes a list of one stop string", () => {
  const task = toTask(request({ max_completion_tokens: 5, max_tokens: 9, stop: "x" }));
  assert.equal(task.max_tokens, 5);
  assert.deepEqual(task.stop, ["x"]);
});

Deno.test("toTask() folds any integer into a seed of 32 bits", () => {
  assert.equal(toTask(request({ seed: -1 })).seed, 0xffffffff);
  assert.equal(toTask(request({ seed: 2 ** 40 + 7 })).seed, 7);
});

Deno.test("chatRequest accepts what clients send by habit and refuses what would change the answer", () => {
  assert.ok(request({ n: 1, user: "u", store: false, logprobs: false, tools: [] }));
  for (const extra of [{ n: 2 }, { tools: [{}] }, { logprobs: true }, { audio: {} }]) {
    assert.throws(() => request(extra), /is not supported yet/);
  }
});

Deno.test("ChatTranslator gives the role once, then text, the reason and the usage", () => {
  const translator = new ChatTranslator(
    "j",
    1_700_000_000_000,
    request({ stream: true, stream_options: { include_usage: true } }),
  );
  const chunks = [
    ...translator.take({ event: "token", data: { t: "Hel", i: 0 } }),
    ...translator.take({ event: "token", data: { t: "lo", i: 1 } }),
    ...translator.take({ event: "end", data: END }),
  ].map((chunk) => chatChunk.parse(chunk));
  assert.deepEqual(chunks.map((chunk) => chunk.choices[0]?.delta), [
    { role: "assistant", content: "" },
    { content: "Hel" },
    { content: "lo" },
    {},
    undefined,
  ]);
  assert.equal(chunks[3]?.choices[0]?.finish_reason, "stop");
  assert.equal(chunks[4]?.usage?.total_tokens, 5);
  const whole = chatCompletion.parse(translator.completion());
  assert.equal(whole.choices[0]?.message.content, "Hello");
  assert.equal(whole.usage.prompt_tokens_details.cached_tokens, 1);
});

Deno.test("ChatTranslator throws the job's error", () => {
  const translator = new ChatTranslator("j", 0, request());
  const data = { code: "QUEUE_TIMEOUT" as const, message: "late", retriable: true };
  assert.throws(() => translator.take({ event: "error", data }), { code: "QUEUE_TIMEOUT" });
});
