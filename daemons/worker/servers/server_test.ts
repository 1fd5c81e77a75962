import assert from "node:assert/strict";
import { readChunk } from "./openai_text.ts";
import { readCompletion } from "./llama_server.ts";
import { retryAfter, serverError } from "./server.ts";
import { readLoad } from "./vllm.ts";

Deno.test("serverError() maps the errors of servers to our error codes", () => {
  const code = (status: number, body: unknown) => serverError(status, body).code;
  const llama = { type: "exceed_context_size_error", message: "request (9 tokens) exceeds" };
  assert.equal(code(400, { error: llama }), "CONTEXT_LENGTH_EXCEEDED");
  const long = "This model's maximum context length is 4096 tokens. However, you requested 5000";
  assert.equal(code(400, { error: { message: long } }), "CONTEXT_LENGTH_EXCEEDED");
  assert.equal(code(400, { object: "error", message: long }), "CONTEXT_LENGTH_EXCEEDED");
  assert.equal(
    code(422, { detail: [{ loc: ["body", "top_k"], msg: "too big" }] }),
    "INVALID_REQUEST",
  );
  assert.equal(code(501, { error: { message: "no embeddings" } }), "INVALID_REQUEST");
  assert.equal(code(429, "slow down"), "QUEUE_FULL");
  assert.equal(code(503, { error: { message: "Loading model" } }), "NOT_READY");
  assert.equal(code(500, "<html>"), "INTERNAL");
  assert.equal(code(404, undefined), "INVALID_REQUEST", "another try would end alike");
  for (const status of [502, 503, 504, 529]) assert.equal(code(status, ""), "NOT_READY");
  for (const status of [401, 402, 403]) assert.equal(code(status, ""), "UNAUTHORIZED");
});

Deno.test("serverError() names the field, and hides the server's internals", () => {
  const refused = serverError(400, { error: { message: "unknown field", param: "min_p" } });
  assert.match(refused.message, /min_p: the engine refuses the request: unknown field/);
  assert.doesNotMatch(serverError(500, "secret").message, /secret/);
  assert.doesNotMatch(serverError(401, { error: { message: "sk-1" } }).message, /sk-1/);
});

Deno.test("retryAfter() reads seconds and dates", () => {
  assert.equal(retryAfter("2"), 2000);
  assert.equal(retryAfter(" 0.5 "), 500);
  const now = Date.parse("2026-01-01T00:00:00Z");
  assert.equal(retryAfter("Thu, 01 Jan 2026 00:00:07 GMT", now), 7000);
  assert.equal(retryAfter("Wed, 31 Dec 2025 00:00:00 GMT", now), 0);
  for (const value of [null, "soon"]) assert.equal(retryAfter(value), undefined);
});

Deno.test("readLoad() adds the engines of vLLM's metrics", () => {
  const line = (name: string, engine: number, value: string) =>
    `vllm:num_requests_${name}{engine="${engine}",model_name="m"} ${value}\n`;
  const metrics = "# TYPE vllm:num_requests_waiting gauge\n" + line("running", 0, "2.0") +
    line("running", 1, "1.0") + line("waiting", 0, "1e+01") + line("waiting", 1, "0.0") +
    line("waiting_by_reason", 0, "99.0");
  assert.deepEqual(readLoad(metrics), { running: 3, waiting: 10 });
  assert.equal(readLoad(line("running", 0, "2.0")), undefined);
});

Deno.test("readChunk() joins a call that arrives in pieces", () => {
  const calls: Parameters<typeof readChunk>[1] = [];
  const delta = (tool_calls: unknown[]) => ({ choices: [{ delta: { tool_calls } }] });
  const begun = { index: 0, id: "c", function: { name: "f", arguments: '{"a"' } };
  assert.deepEqual(readChunk(delta([begun]), calls)?.callParts, [
    { index: 0, id: "c", name: "f", arguments: '{"a"' },
  ]);
  const more = { index: 0, function: { arguments: ":1}" } };
  assert.deepEqual(readChunk(delta([more]), calls)?.callParts, [{ index: 0, arguments: ":1}" }]);
  const last = readChunk({ choices: [{ delta: {}, finish_reason: "tool_calls" }] }, calls);
  assert.equal(last?.stop, "TOOL_CALLS");
  assert.equal(last?.toolCalls?.[0]?.function.arguments, '{"a":1}');
  const cut = readChunk({ choices: [{ delta: {}, finish_reason: "length" }] }, calls);
  assert.equal(cut?.stop, "MAX_TOKENS");
  assert.equal(cut?.toolCalls?.length, 1, "as far as it came");
});

Deno.test("readChunk() tells thoughts apart, whatever a server calls them", () => {
  for (const field of ["reasoning_content", "reasoning"]) {
    const piece = readChunk({ choices: [{ delta: { [field]: "hm", content: null } }] });
    assert.deepEqual([piece?.reasoning, piece?.text], ["hm", ""]);
  }
});

Deno.test("readChunk() refuses an unknown finish reason", () => {
  const chunk = { choices: [{ text: "", finish_reason: "abort" }] };
  assert.throws(() => readChunk(chunk), /ended the answer: "abort"/);
});

Deno.test("readCompletion() returns logprobs, and -9999 for impossible tokens", () => {
  const other = { id: 2, token: " b", logprob: -3.4e38 };
  const odds = { id: 1, token: " a", logprob: -0.5, top_logprobs: [other] };
  const chunk = { content: " a", tokens: [1], stop: false, completion_probabilities: [odds] };
  assert.deepEqual(readCompletion(chunk, 1).logprobs, [{
    id: 1,
    t: " a",
    logprob: -0.5,
    top: [{ id: 2, t: " b", logprob: -9999 }],
  }]);
  assert.equal(readCompletion(chunk, undefined).logprobs, undefined);
  const half = { id: 3, token: "\ufffd", bytes: [0xc3], prob: 1, top_probs: [] };
  const sampled = { ...chunk, completion_probabilities: [half] };
  assert.deepEqual(readCompletion(sampled, 1).logprobs, [
    { id: 3, t: "\ufffd", bytes: [0xc3], logprob: 0, top: [] },
  ]);
});
