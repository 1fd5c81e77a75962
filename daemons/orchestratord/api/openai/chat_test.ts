import assert from "node:assert/strict";
import {
  chatChunk,
  chatCompletion,
  chatRequest,
  type EndData,
  type StoredJobEvent,
  type TokenData,
} from "#shared/contracts/mod.ts";
import { chatTasks, ChatTranslator } from "./chat.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";

const item = (event: StoredJobEvent): StreamItem => ({ kind: "event", id: 1, event });

const END: EndData = {
  tokens_in: 3,
  tokens_cached: 1,
  tokens_out: 2,
  ttft_ms: 1,
  decode_time_ms: 1,
  stop_reason: "EOS",
  seed: 1,
};

const toTask = (body: ReturnType<typeof request>) => chatTasks(body)[0]!;

const request = (more: Record<string, unknown> = {}) =>
  chatRequest.parse({ model: "m", messages: [{ role: "user", content: "hi" }], ...more });

Deno.test("chatTasks() leaves out what is null and keeps our defaults", () => {
  const task = toTask(request({ temperature: null, stop: null, max_tokens: null }));
  assert.equal(task.temperature, 0.8);
  assert.equal(task.max_tokens, undefined);
});

Deno.test("chatTasks() makes a schema strict only where the client says so", () => {
  const task = (strict: unknown) =>
    chatTasks(chatRequest.parse({
      model: "m",
      messages: [{ role: "user", content: "a" }],
      response_format: { type: "json_schema", json_schema: { name: "x", schema: {}, strict } },
    }))[0]!;
  assert.deepEqual(task(true).json_schema, {});
  const strict = [true, false, null, undefined].map((each) => task(each).json_schema_strict);
  assert.deepEqual(strict, [true, false, false, false]);
});

Deno.test("chatTasks() joins text parts by a newline and reads developer as system", () => {
  const task = toTask(request({
    messages: [
      { role: "developer", content: "be brief" },
      { role: "user", content: [{ type: "text", text: "a" }, { type: "text", text: "b" }] },
    ],
  }));
  assert.deepEqual(task.messages, [
    { role: "system", content: "be brief" },
    { role: "user", content: "a\nb" },
  ]);
});

Deno.test("chatTasks() prefers max_completion_tokens and makes a list of one stop string", () => {
  const task = toTask(request({ max_completion_tokens: 5, max_tokens: 9, stop: "x" }));
  assert.equal(task.max_tokens, 5);
  assert.deepEqual(task.stop, ["x"]);
});

Deno.test("chatTasks() folds any integer into a seed of 32 bits", () => {
  assert.equal(toTask(request({ seed: -2 })).seed, 0xfffffffe);
  assert.equal(toTask(request({ seed: 2 ** 40 + 7 })).seed, 7);
});

Deno.test("chatRequest accepts what clients send by habit and refuses what would change the answer", () => {
  assert.ok(request({ n: 1, user: "u", store: false, logprobs: false, tools: [] }));
  for (const extra of [{ best_of: 2 }, { audio: {} }]) {
    assert.throws(() => request(extra), /is not supported/);
  }
});

Deno.test("ChatTranslator gives the role once, then text, the reason and the usage", () => {
  const translator = new ChatTranslator(
    "j",
    1_700_000_000_000,
    request({ stream: true, stream_options: { include_usage: true } }),
  );
  const chunks = [
    ...translator.take(0, item({ event: "token", data: { t: "Hel", i: 0 } })),
    ...translator.take(0, item({ event: "token", data: { t: "lo", i: 1 } })),
    ...translator.take(0, item({ event: "end", data: END })),
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
  const whole = chatCompletion.parse(translator.whole());
  assert.equal(whole.choices[0]?.message.content, "Hello");
  assert.equal(whole.usage.prompt_tokens_details.cached_tokens, 1);
});

Deno.test("ChatTranslator throws the job's error", () => {
  const translator = new ChatTranslator("j", 0, request());
  const data = { code: "QUEUE_TIMEOUT" as const, message: "late", retriable: true };
  assert.throws(() => translator.take(0, item({ event: "error", data })), {
    code: "QUEUE_TIMEOUT",
  });
});

Deno.test("chatTasks() takes a seed of -1 as no seed, for every choice", () => {
  const tasks = chatTasks(request({ n: 3, seed: -1 }));
  assert.deepEqual(tasks.map(({ seed }) => seed), [undefined, undefined, undefined]);
});

Deno.test("chatTasks() makes a task of each choice and counts the seed up", () => {
  const tasks = chatTasks(request({ n: 3, seed: 0xffffffff }));
  assert.deepEqual(tasks.map((task) => task.seed), [0xffffffff, 0, 1]);
  assert.throws(() => request({ n: 17 }));
});

Deno.test("ChatTranslator keeps choices apart and counts their prompt once", () => {
  const translator = new ChatTranslator(
    "j",
    0,
    request({ n: 2, stream: true, stream_options: { include_usage: true } }),
  );
  const chunks = [
    ...translator.take(1, item({ event: "token", data: { t: "b", i: 0 } })),
    ...translator.take(0, item({ event: "token", data: { t: "a", i: 0 } })),
    ...translator.take(1, item({ event: "end", data: END })),
    ...translator.take(0, item({ event: "end", data: END })),
  ];
  assert.deepEqual(
    chunks.map((chunk) => chunk.choices[0]?.index),
    [1, 1, 0, 0, 1, 0, undefined],
  );
  assert.equal(chunks.at(-1)?.usage?.prompt_tokens, 3);
  assert.equal(chunks.at(-1)?.usage?.completion_tokens, 4);
  assert.deepEqual(translator.whole().choices.map(({ message }) => message.content), ["a", "b"]);
});

const tool = { type: "function", function: { name: "f", parameters: { type: "object" } } };
const call = { id: "c1", type: "function" as const, function: { name: "f", arguments: "{}" } };

Deno.test("chatTasks() keeps tools, calls and results", () => {
  const task = toTask(request({
    messages: [
      { role: "user", content: "hi" },
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", content: [{ type: "text", text: "7" }], tool_call_id: "c1" },
    ],
    tools: [tool],
    tool_choice: "required",
  }));
  assert.deepEqual(task.messages?.slice(1), [
    { role: "assistant", content: "", tool_calls: [call] },
    { role: "tool", content: "7", tool_call_id: "c1" },
  ]);
  assert.equal(task.tool_choice, "required");
  assert.equal(task.tools?.[0]?.function.name, "f");
});

Deno.test("chatTasks() takes calls and results as lenient clients send them", () => {
  const past = { ...call, function: { name: "a/b: c", arguments: { n: 1 } } };
  const task = toTask(request({
    messages: [
      { role: "assistant", tool_calls: [past], reasoning_content: "hm" },
      { role: "tool", content: null },
      { role: "assistant", content: "x", reasoning: "so", reasoning_content: null, tool_calls: [] },
    ],
    tools: [{ type: "function", function: { name: "a/b: c", parameters: null } }],
  }));
  assert.deepEqual(task.messages, [
    {
      role: "assistant",
      content: "",
      reasoning_content: "hm",
      tool_calls: [{ ...call, function: { name: "a/b: c", arguments: '{"n":1}' } }],
    },
    { role: "tool", content: "" },
    { role: "assistant", content: "x", reasoning_content: "so" },
  ]);
});

Deno.test("chatTasks() hands on the switches of thinking and of the template", () => {
  const task = toTask(request({
    messages: [{ role: "user", content: "a" }, { role: "assistant", content: "b" }],
    reasoning_effort: "low",
    reasoning_format: "deepseek",
    thinking_budget_tokens: 0,
    chat_template_kwargs: { custom: [1] },
    continue_final_message: true,
    add_generation_prompt: false,
  }));
  assert.equal(task.reasoning_effort, "low");
  assert.equal(task.reasoning_format, "auto");
  assert.equal(task.reasoning_budget_tokens, 0);
  assert.deepEqual(task.chat_template_kwargs, { custom: [1] });
  assert.equal(task.continue_final_message, true);
  const plain = toTask(request({ reasoning_effort: null, chat_template_kwargs: null }));
  assert.equal("reasoning_effort" in plain || "chat_template_kwargs" in plain, false);
  const short = toTask(request({ enable_thinking: false }));
  assert.deepEqual(short.chat_template_kwargs, { enable_thinking: false });
});
Deno.test("chatRequest refuses switches that contradict one another, by name", () => {
  assert.throws(() => request({ chat_template: "{{ x }}" }), /cannot be given in a request/);
  assert.throws(() => request({ add_generation_prompt: false }), /needs a last message/);
  assert.throws(() => request({ reasoning_effort: "most" }), /reasoning_effort/);
  assert.throws(() => request({ reasoning_format: "deepseek-old" }), /reasoning_format/);
  assert.throws(() => request({ post_sampling_probs: true }), /needs logprobs/);
  assert.throws(() => request({ continue_final_message: true }), /needs a last message/);
  const both = { enable_thinking: false, chat_template_kwargs: {} };
  assert.throws(() => request(both), /belongs into chat_template_kwargs/);
  const budgets = { reasoning_budget_tokens: 1, thinking_budget_tokens: 2 };
  assert.throws(() => request(budgets), /give one of them/);
});

Deno.test("chatRequest refuses tools that contradict themselves", () => {
  const named = (name: string) => ({ type: "function", function: { name } });
  assert.throws(() => request({ tools: [tool], tool_choice: named("g") }), /is not there/);
  assert.throws(() => request({ tool_choice: "required" }), /is not there/);
});

Deno.test("chatTasks() gives tools beside a schema of the answer", () => {
  const task = toTask(request({ tools: [tool], response_format: { type: "json_object" } }));
  assert.equal(task.tools?.length, 1);
  assert.deepEqual(task.json_schema, { type: "object" });
});

Deno.test("ChatTranslator puts calls into deltas and into the whole answer, whose text is then null", () => {
  const translator = new ChatTranslator("j", 0, request({ tools: [tool] }));
  const end = { ...END, stop_reason: "TOOL_CALLS" as const, tool_calls: [call] };
  const chunks = translator.take(0, item({ event: "end", data: end }))
    .map((chunk) => chatChunk.parse(chunk));
  assert.deepEqual(chunks.map((chunk) => chunk.choices[0]?.delta.tool_calls), [
    undefined,
    [{ index: 0, ...call }],
    undefined,
  ]);
  assert.equal(chunks[2]?.choices[0]?.finish_reason, "tool_calls");
  const { message, finish_reason } = chatCompletion.parse(translator.whole()).choices[0]!;
  assert.equal(finish_reason, "tool_calls");
  assert.equal(message.content, null);
  assert.deepEqual(message.tool_calls, [call]);
});

Deno.test("ChatTranslator gives a call that max_tokens cut as far as it came", () => {
  const translator = new ChatTranslator("j", 0, request({ tools: [tool] }));
  const cut = { ...call, function: { name: "f", arguments: '{"a":12' } };
  const part = { channel: "call" as const, call: { index: 0, id: call.id, name: "f" } };
  const end = { ...END, stop_reason: "MAX_TOKENS" as const, tool_calls: [cut] };
  const chunks = [
    ...translator.take(0, item({ event: "token", data: { t: '{"a":12', i: 0, ...part } })),
    ...translator.take(0, item({ event: "end", data: end })),
  ].map((chunk) => chatChunk.parse(chunk));
  assert.deepEqual(chunks.slice(1).map((chunk) => chunk.choices[0]?.delta), [
    { tool_calls: [{ index: 0, ...cut }] },
    {},
  ]);
  const { message, finish_reason } = chatCompletion.parse(translator.whole()).choices[0]!;
  assert.equal(finish_reason, "length");
  assert.deepEqual(message.tool_calls, [cut]);
  assert.equal(message.content, null);
});

Deno.test("ChatTranslator gives log probabilities of the answer's text, not of thoughts", () => {
  const translator = new ChatTranslator("j", 0, request({ logprobs: true }));
  const logprobs = (t: string) => [{ id: 1, t, logprob: -1, top: [] }];
  const token = (t: string, more: Partial<TokenData> = {}) =>
    translator.take(0, item({ event: "token", data: { t, i: 0, logprobs: logprobs(t), ...more } }))
      .at(-1)!.choices[0]!.logprobs?.content.map(({ token }) => token);
  assert.equal(token("hm", { channel: "reasoning" }), undefined);
  assert.deepEqual(token("yes"), ["yes"]);
  translator.take(0, item({ event: "end", data: END }));
  const [choice] = translator.whole().choices;
  assert.deepEqual(choice?.logprobs?.content.map(({ token }) => token), ["yes"]);
  assert.equal(choice?.message.reasoning_content, "hm");
});
