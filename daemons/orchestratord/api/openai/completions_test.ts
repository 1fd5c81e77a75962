import assert from "node:assert/strict";
import {
  completion,
  completionChunk,
  completionRequest,
  type EndData,
  type StoredJobEvent,
} from "#shared/contracts/mod.ts";
import { completionTasks, CompletionTranslator } from "./completions.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";

const item = (event: StoredJobEvent): StreamItem => ({ kind: "event", id: 1, event });

const END: EndData = {
  tokens_in: 3,
  tokens_cached: 0,
  tokens_out: 2,
  ttft_ms: 1,
  decode_time_ms: 1,
  stop_reason: "MAX_TOKENS",
  seed: 1,
};

const request = (more: Record<string, unknown> = {}) =>
  completionRequest.parse({ model: "m", prompt: "hi", ...more });

Deno.test("completionTasks() takes a text, token ids, and lists of either", () => {
  const prompts = (prompt: unknown) =>
    completionTasks(request({ prompt })).map((task) => task.prompt ?? task.prompt_tokens);
  assert.deepEqual(prompts("a"), ["a"]);
  assert.deepEqual(prompts(["a", "b"]), ["a", "b"]);
  assert.deepEqual(prompts([1, 2]), [[1, 2]]);
  assert.deepEqual(prompts([[1], [2, 3]]), [[1], [2, 3]]);
});

Deno.test("completionTasks() puts the choices of one prompt together", () => {
  const tasks = completionTasks(request({ prompt: ["a", "b"], n: 2, seed: 5 }));
  assert.deepEqual(tasks.map(({ prompt, seed }) => [prompt, seed]), [
    ["a", 5],
    ["a", 6],
    ["b", 5],
    ["b", 6],
  ]);
});

Deno.test("completionTasks() generates 16 tokens by default, as OpenAI does", () => {
  assert.equal(completionTasks(request())[0]?.max_tokens, 16);
  assert.equal(completionTasks(request({ max_tokens: 3 }))[0]?.max_tokens, 3);
});

Deno.test("completionTasks() reads special tokens in texts unless the request says no", () => {
  const fields = (more: Record<string, unknown>) => {
    const { prompt, prompt_tokens, special, suffix } = completionTasks(request(more))[0]!;
    return { prompt, prompt_tokens, special, suffix };
  };
  const none = { prompt: undefined, prompt_tokens: undefined, suffix: undefined };
  assert.deepEqual(fields({ prompt: "<s>a" }), { ...none, prompt: "<s>a", special: true });
  assert.deepEqual(fields({ prompt: "a" }), { ...none, prompt: "a", special: undefined });
  assert.deepEqual(fields({ prompt: "a", special: false, suffix: "" }), {
    ...none,
    prompt: "a",
    special: false,
  });
  assert.deepEqual(fields({ prompt: "a", suffix: "b" }), {
    ...none,
    prompt: "a",
    special: undefined,
    suffix: "b",
  });
  assert.deepEqual(fields({ prompt: [1] }), { ...none, prompt_tokens: [1], special: undefined });
});

Deno.test("completionRequest refuses by name what would change the answer", () => {
  assert.ok(request({ echo: false, best_of: 1, suffix: null, user: "u" }));
  assert.ok(request({ echo: true, logprobs: 1, prompt: [1] }));
  assert.throws(() => request({ echo: true, prompt: [1] }), /needs prompts of text, or logprobs/);
  for (const extra of [{ stream: true }, { suffix: "x" }]) {
    const given = { prompt: "a", echo: true, logprobs: 1, ...extra };
    assert.throws(() => request(given), /is not supported with echo and logprobs/);
  }
  for (const extra of [{ best_of: 2 }, { reasoning_effort: "low" }]) {
    assert.throws(() => request(extra), /is not supported/);
  }
  assert.throws(() => request({ chat_template: "x" }), /cannot be given in a request/);
  assert.throws(() => request({ prompt: [1], suffix: "x" }), /needs a prompt of text/);
  assert.throws(() => request({ post_sampling_probs: true }), /needs logprobs/);
  assert.throws(() => request({ prompt: Array(33).fill("a"), n: 2 }), /more than 64 choices/);
});

Deno.test("completionTasks() takes as many logprobs as a chat", () => {
  assert.equal(completionTasks(request({ logprobs: 20 }))[0]?.logprobs, 20);
  assert.throws(() => request({ logprobs: 21 }), /logprobs/);
});

Deno.test("CompletionTranslator gives the prompt before the text to who wants it, once", () => {
  const body = request({ prompt: ["a", "b"], echo: true });
  const translator = new CompletionTranslator("1", 0, body);
  const started = item({
    event: "started",
    data: {
      ...{ job_id: "1", worker_id: "w", model: "m", queue_wait_ms: 0 },
      started_at: new Date(0).toISOString(),
    },
  });
  const token = item({ event: "token", data: { t: "x", i: 0 } });
  const texts = [started, started, token].flatMap((each) => translator.take(1, each))
    .map(({ choices: [choice] }) => [choice?.index, choice?.text]);
  assert.deepEqual(texts, [[1, "b"], [1, "x"]]);
});

/** The logprobs of the prompt "a b", to which a begin token and a space are added. */
const SCORED = [
  { id: 1, t: "<s>", top: [] },
  { id: 2, t: " a", logprob: -3, top: [{ id: 9, t: "c", logprob: -1 }] },
  { id: 3, t: " b", logprob: -2, top: [{ id: 3, t: " b", logprob: -2 }] },
];

Deno.test("CompletionTranslator echoes a prompt with its logprobs, before those of the completion", () => {
  const own = { id: 4, t: " d", logprob: -0.5, top: [{ id: 4, t: " d", logprob: -0.5 }] };
  const echoed = (prompt: string | number[], prompt_logprobs: typeof SCORED) => {
    const body = request({ prompt, echo: true, logprobs: 1 });
    assert.equal(completionTasks(body)[0]?.prompt_logprobs, 1);
    const translator = new CompletionTranslator("1", 0, body);
    translator.take(0, item({ event: "token", data: { t: " d", i: 0, logprobs: [own] } }));
    translator.take(0, item({ event: "end", data: { ...END, prompt_logprobs } }));
    return completion.parse(translator.whole()).choices[0]!;
  };
  const { text, logprobs } = echoed("a b", SCORED);
  assert.equal(text, "a b d");
  assert.deepEqual(logprobs, {
    tokens: ["<s>", " a", " b", " d"],
    token_logprobs: [null, -3, -2, -0.5],
    top_logprobs: [null, { c: -1 }, { " b": -2 }, { " d": -0.5 }],
    text_offset: [0, 0, 1, 3],
  });
  const ofTokens = echoed([2, 3], SCORED.slice(1));
  assert.equal(ofTokens.text, " a b d");
  assert.deepEqual(ofTokens.logprobs?.text_offset, [0, 2, 4]);
});

Deno.test("CompletionTranslator echoes only the prompt with its logprobs where nothing is generated", () => {
  const body = request({ prompt: "a b", echo: true, logprobs: 0, max_tokens: 0 });
  const translator = new CompletionTranslator("1", 0, body);
  translator.take(0, item({ event: "token", data: { t: "x", i: 0 } }));
  const prompt_logprobs = SCORED.map((each) => ({ ...each, top: [] }));
  translator.take(0, item({ event: "end", data: { ...END, prompt_logprobs } }));
  const { choices: [choice] } = completion.parse(translator.whole());
  assert.deepEqual([choice?.text, choice?.logprobs?.tokens.length], ["a b", 3]);
  assert.equal(choice?.logprobs?.top_logprobs, null);
});

Deno.test("CompletionTranslator fails where a lost worker did not tell the prompt's logprobs", () => {
  const translator = new CompletionTranslator("1", 0, request({ echo: true, logprobs: 0 }));
  translator.take(0, item({ event: "end", data: END }));
  assert.throws(() => translator.whole(), /The worker was lost before it told/);
});

Deno.test("CompletionTranslator leaves out the token of a request that only evaluates its prompt", () => {
  const translator = new CompletionTranslator("1", 0, request({ max_tokens: 0 }));
  const token = item({ event: "token", data: { t: "x", i: 0 } });
  assert.deepEqual(translator.take(0, token), []);
  translator.take(0, item({ event: "end", data: { ...END, tokens_out: 1 } }));
  const { choices: [choice], usage } = translator.whole();
  assert.deepEqual([choice?.text, choice?.finish_reason, usage.completion_tokens], [
    "",
    "length",
    0,
  ]);
});

Deno.test("CompletionTranslator counts each prompt once and sends the usage last", () => {
  const body = request({
    prompt: ["a", "b"],
    n: 2,
    stream: true,
    stream_options: { include_usage: true },
  });
  const translator = new CompletionTranslator("j", 0, body);
  const chunks = [0, 1, 2, 3].flatMap((choice) => [
    ...translator.take(choice, item({ event: "token", data: { t: `t${choice}`, i: 0 } })),
    ...translator.take(choice, item({ event: "end", data: END })),
  ]).map((chunk) => completionChunk.parse(chunk));
  assert.deepEqual(chunks.filter((chunk) => chunk.usage).length, 1);
  assert.deepEqual(chunks.at(-1)?.usage, {
    prompt_tokens: 6,
    completion_tokens: 8,
    total_tokens: 14,
    prompt_tokens_details: { cached_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 },
  });
  const whole = completion.parse(translator.whole());
  assert.deepEqual(whole.choices.map(({ text }) => text), ["t0", "t1", "t2", "t3"]);
  assert.equal(whole.choices[0]?.finish_reason, "length");
});
