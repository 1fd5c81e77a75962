import assert from "node:assert/strict";
import { UsageError } from "#shared/lifecycle.ts";
import { type Given, readOptions } from "../options.ts";
import { SUBMIT_OPTIONS } from "./options.ts";
import { submissionOf as submissionOfOptions } from "./request.ts";

const submissionOf = (prompt: string, given: Given) =>
  submissionOfOptions(prompt, readOptions(SUBMIT_OPTIONS, given));

Deno.test("submissionOf() leaves out options that were not given", () => {
  assert.deepEqual(submissionOf("hi", { model: "demo" }), {
    body: { model: "demo", prompt: "hi", detached: false },
    headers: {},
  });
});

Deno.test("submissionOf() with --chat sends a message", () => {
  const options = { model: "demo", chat: true, stop: ["a", "b"], idempotencyKey: "k" };
  assert.deepEqual(submissionOf("hi", options), {
    body: {
      model: "demo",
      messages: [{ role: "user", content: "hi" }],
      stop: ["a", "b"],
      detached: false,
    },
    headers: { "idempotency-key": "k" },
  });
});

Deno.test("submissionOf() names every option that is wrong", () => {
  const options = { model: "demo", temperature: "9", maxTokens: "0.5", priority: "x" };
  assert.throws(() => submissionOf("hi", options), (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /--max-tokens .*; --temperature .*; --priority /);
    return true;
  });
});

Deno.test("submissionOf() sends how hard to think, which needs --chat", () => {
  const options = { model: "demo", reasoningEffort: "low", reasoningBudget: "100" };
  const { body } = submissionOf("hi", { ...options, chat: true });
  assert.equal(body.reasoning_effort, "low");
  assert.equal(body.reasoning_budget_tokens, 100);
  assert.throws(() => submissionOf("hi", options), /--reasoning-effort needs --chat/);
  assert.throws(
    () => submissionOf("hi", { model: "demo", chat: true, reasoningBudget: "-1" }),
    /--reasoning-budget /,
  );
});
