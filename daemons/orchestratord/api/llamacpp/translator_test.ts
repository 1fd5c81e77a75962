import assert from "node:assert/strict";
import {
  nativeChunk,
  type NativeCompletionRequest,
  nativeCompletionRequest,
  type StoredJobEvent,
} from "#shared/contracts/mod.ts";
import { nativeTask } from "./completion.ts";
import { NativeTranslator } from "./translator.ts";

const request = (more: Record<string, unknown> = {}) =>
  nativeCompletionRequest.parse({ model: "m", prompt: "a", ...more });

const translate = (body: NativeCompletionRequest, more: Record<string, unknown> = {}) =>
  new NativeTranslator(
    { model: body.model, isEvaluation: false, isStream: true, prompt: "a", ...more },
    nativeTask(body),
  );

const item = (event: StoredJobEvent) => ({ kind: "event" as const, id: 1, event });
const odds = { id: 7, t: "x", logprob: -0.5, top: [{ id: 8, t: "y", logprob: -1 }] };
const token = (t: string, i: number, more = {}) =>
  item({ event: "token", data: { t, i, ids: [i + 5], ...more } });
const end = (more = {}) =>
  item({
    event: "end",
    data: {
      ...{ tokens_in: 9, tokens_cached: 4, tokens_out: 2, ttft_ms: 5, decode_time_ms: 6 },
      ...{ stop_reason: "MAX_TOKENS", seed: 1 },
      ...more,
    },
  });

Deno.test("NativeTranslator makes llama-server's events and its whole answer", () => {
  const translator = translate(request({ n_predict: 2, top_k: 3, stop: ["z"] }));
  const chunks = [token("x", 0), token("y\n", 1), end()]
    .flatMap((each) => translator.take(0, each));
  for (const chunk of chunks) assert.deepEqual(nativeChunk.parse(chunk), chunk);
  assert.deepEqual(chunks.map(({ content, tokens, stop }) => [content, tokens, stop]), [
    ["x", [5], false],
    ["y\n", [6], false],
    ["", [], true],
  ]);
  const whole = translator.whole();
  assert.deepEqual([whole.content, whole.tokens, whole.has_new_line], ["xy\n", [], true]);
  assert.deepEqual([whole.stop_type, whole.tokens_predicted, whole.tokens_evaluated], [
    "limit",
    2,
    9,
  ]);
  assert.deepEqual([whole.timings.prompt_n, whole.timings.cache_n], [5, 4]);
  const { n_predict, top_k, stop, seed } = whole.generation_settings;
  assert.deepEqual([n_predict, top_k, stop, seed], [2, 3, ["z"], 1]);
});

Deno.test("NativeTranslator gives tokens, the stop string, and probabilities as they are asked for", () => {
  const translator = translate(request({ n_probs: 1 }), { wantsTokens: true });
  for (const each of [token("x", 0, { logprobs: [odds] })]) translator.take(0, each);
  translator.take(0, end({ stop_reason: "STOP_SEQUENCE", stop_sequence: "zz" }));
  const whole = translator.whole();
  assert.deepEqual([whole.tokens, whole.stop_type, whole.stopping_word], [[5], "word", "zz"]);
  assert.deepEqual(whole.completion_probabilities, [{
    ...{ id: 7, token: "x", bytes: [120], logprob: -0.5 },
    top_logprobs: [{ id: 8, token: "y", bytes: [121], logprob: -1 }],
  }]);
  const after = translate(request({ n_probs: 1, post_sampling_probs: true }));
  const part = { ...odds, t: "\ufffd", bytes: [0xc3], logprob: 0, top: [] };
  const [chunk] = after.take(0, token("x", 0, { logprobs: [part] }));
  assert.deepEqual(chunk?.completion_probabilities, [
    { id: 7, token: "", bytes: [0xc3], prob: 1, top_probs: [] },
  ]);
});

Deno.test("NativeTranslator says nothing where only the prompt is to be evaluated", () => {
  const translator = translate(request({ n_predict: 0 }), { isEvaluation: true });
  assert.deepEqual(translator.take(0, token("x", 0)), []);
  const [last] = translator.take(0, end());
  assert.deepEqual([last?.content, last?.tokens_predicted], ["", 0]);
  assert.equal(translator.whole().content, "");
});

Deno.test("nativeCompletionRequest refuses by name what would change the answer, and ignores the rest", () => {
  assert.ok(request({ n_probs: 0, lora: [], id_slot: 1, cache_prompt: false, n_keep: -1 }));
  for (
    const extra of [
      { adaptive_target: 0.5 },
      { n_indent: 2 },
      { t_max_predict_ms: 9 },
      { response_fields: ["content"] },
      { lora: [{ id: 0, scale: 1 }] },
    ]
  ) assert.throws(() => request(extra), /is not supported/, JSON.stringify(extra));
  assert.throws(() => request({ prompt: ["a", "b"] }), /must be one text or a list of token ids/);
  assert.throws(() => request({ grammar: "root ::= [a]", json_schema: {} }), /is given beside/);
});

Deno.test("nativeTask() takes llama-server's fields", () => {
  const task = nativeTask(request({
    prompt: [1, 2],
    n_predict: -1,
    top_k: -1,
    seed: -1,
    repeat_penalty: 1.1,
    n_probs: 2,
    json_schema: { type: "object" },
    logit_bias: [[3, false]],
    mirostat: 2,
    min_keep: 3,
  }));
  assert.deepEqual([task.mirostat, task.min_keep], [2, 3]);
  assert.deepEqual([task.prompt_tokens, task.max_tokens, task.top_k], [[1, 2], undefined, 0]);
  assert.deepEqual([task.seed, task.repetition_penalty, task.logprobs], [undefined, 1.1, 2]);
  assert.deepEqual([task.json_schema, task.logit_bias], [{ type: "object" }, { 3: -100 }]);
});
