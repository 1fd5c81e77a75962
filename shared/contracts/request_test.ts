import assert from "node:assert/strict";
import { executeRequest, inferencePart, taskRequest } from "./request.ts";

const wrongFields = (value: unknown) =>
  (taskRequest.safeParse(value).error?.issues ?? []).map((issue) => issue.path.join("."));

Deno.test("taskRequest fills in llama.cpp's defaults", () => {
  const task = taskRequest.parse({ model: "m", prompt: "p" });
  assert.equal(task.temperature, 0.8);
  assert.equal(task.top_k, 40);
  assert.deepEqual(task.stop, []);
  assert.equal(task.priority, "interactive");
  assert.equal(task.seed, undefined);
});

Deno.test("taskRequest takes exactly one of prompt, prompt_tokens and messages", () => {
  assert.deepEqual(wrongFields({ model: "m" }), ["prompt"]);
  assert.deepEqual(wrongFields({ model: "m", prompt: "a", prompt_tokens: [1] }), ["prompt"]);
  assert.deepEqual(wrongFields({ model: "m", messages: [{ role: "user", content: "" }] }), []);
});

Deno.test("taskRequest names every wrong field at once", () => {
  const wrong = wrongFields({
    model: "m",
    prompt: "p",
    max_tokens: 0,
    top_p: 2,
    seed: -2,
    logit_bias: { x: 1 },
    stop: [""],
  });
  assert.deepEqual(wrong.sort(), ["logit_bias.x", "max_tokens", "seed", "stop.0", "top_p"]);
});

Deno.test("a seed of -1 counts as none, for the service and for a worker", () => {
  const given = { model: "m", prompt: "p", seed: -1 };
  assert.equal(taskRequest.parse(given).seed, undefined);
  assert.equal(executeRequest.parse({ ...given, job_id: "j", attempt: 1 }).seed, undefined);
  assert.equal(taskRequest.parse({ ...given, seed: 0xffffffff }).seed, 0xffffffff);
  const [error] = taskRequest.safeParse({ ...given, seed: -2 }).error!.issues;
  assert.match(error!.message, /must be 0 to 4294967295, or -1 for one at random/);
});

Deno.test("taskRequest names a missing prompt though other fields are wrong", () => {
  assert.deepEqual(wrongFields({}).sort(), ["model", "prompt"]);
  assert.deepEqual(wrongFields({ model: "m", max_tokens: "x", lora: 1 }).sort(), [
    "lora",
    "max_tokens",
    "prompt",
  ]);
});

Deno.test("taskRequest refuses fields that it does not know", () => {
  assert.equal(taskRequest.safeParse({ model: "m", prompt: "p", maxTokens: 1 }).success, false);
});

Deno.test("inferencePart has the fields that a worker accepts", () => {
  const task = taskRequest.parse({ model: "m", prompt: "p", session_id: "s", detached: true });
  const request = { ...inferencePart(task), job_id: "j", attempt: 1 };
  assert.deepEqual(executeRequest.parse(request), {
    ...request,
    resume_tokens: [],
    resume_index: 0,
  });
});
