import assert from "node:assert/strict";
import { LlorchError } from "../errors.ts";
import { anthropicError } from "./anthropic/dialect.ts";
import { llamaError } from "./llamacpp/dialect.ts";
import { openaiError } from "./openai/dialect.ts";

const told = (details: Record<string, unknown>) => {
  const error = new LlorchError("CONTEXT_LENGTH_EXCEEDED", "Too long", { details });
  return [openaiError(error), anthropicError(error), llamaError(error)]
    .map(({ error: { message } }) => message);
};

Deno.test("an overflow is told in the words that each vendor's clients look for", () => {
  assert.deepEqual(told({ prompt_tokens: 9000, context: 4096 }), [
    "request (9000 tokens) exceeds the available context size (4096 tokens): " +
    "context_length_exceeded",
    "prompt is too long: 9000 tokens > 4096 maximum",
    "request (9000 tokens) exceeds the available context size (4096 tokens), try increasing it",
  ]);
  assert.deepEqual(told({}), Array(3).fill("Too long"));
});

Deno.test("an overflow whose prompt was not counted to its end says so", () => {
  for (const message of told({ prompt_tokens: 9000, context: 4096, at_least: true })) {
    assert.match(message, /4096.* \(at least 9000 tokens: the rest was not counted\)$/);
  }
});
