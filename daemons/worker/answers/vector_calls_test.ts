import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { FakeEngine } from "../testing/fake_engine.ts";
import { requireCapability, VectorCalls } from "./vector_calls.ts";

const stays = new AbortController().signal;
const codeIs = (code: string) => (error: unknown) =>
  error instanceof LlorchError && error.code === code;

Deno.test("embed() gives a vector for each input, and counts their tokens", async () => {
  const reply = await new VectorCalls(1).embed(
    new FakeEngine(),
    { input: ["abc", [1, 2]] },
    stays,
  );
  assert.equal(reply.tokens, 5);
  const [first] = reply.embeddings.map((each) =>
    new Float32Array(Uint8Array.fromBase64(each).buffer)
  );
  assert.deepEqual(first, Float32Array.of(0, 0, 0, 1));
});

Deno.test("rerank() scores each document, in the order given", async () => {
  const engine = new FakeEngine({ capabilities: ["tokenize", "rerank"] });
  const documents = ["no", "a b c", "b"];
  const reply = await new VectorCalls(1).rerank(engine, { query: "b", documents }, stays);
  assert.deepEqual(reply.scores, [0.1, 0.9, 0.9]);
});

Deno.test("a call that the model does not support is refused with the reason", async () => {
  const engine = new FakeEngine();
  const ranked = new VectorCalls(1).rerank(engine, { query: "a", documents: ["b"] }, stays);
  await assert.rejects(ranked, /has no rank pooling/);
  const encoder = new FakeEngine({ capabilities: ["tokenize", "embed"] });
  assert.throws(() => requireCapability(encoder, "generate"), /does not generate/);
});

Deno.test("token ids outside the vocabulary are refused with their index", async () => {
  const calls = new VectorCalls(1);
  await assert.rejects(
    calls.embed(new FakeEngine(), { input: ["a", [1, 999]] }, stays),
    /input\.1\.1/,
  );
});

Deno.test("calls beyond the limit are refused, and a client that leaves ends its own call", async () => {
  const calls = new VectorCalls(1);
  const engine = new FakeEngine({ stepMs: 5 });
  const leave = new AbortController();
  const first = calls.embed(engine, { input: Array(1000).fill("a") }, leave.signal);
  await assert.rejects(calls.embed(engine, { input: ["a"] }, stays), codeIs("QUEUE_FULL"));
  leave.abort();
  await assert.rejects(first, codeIs("CANCELLED"));
  assert.equal(calls.active, 0);
});
