import assert from "node:assert/strict";
import { fieldErrors } from "#shared/config/field_errors.ts";
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
    logit_bias: { x: 101 },
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

const chat = (more: Record<string, unknown>) => ({
  model: "m",
  messages: [{ role: "user", content: "a" }],
  ...more,
});

const messagesOf = (value: unknown) =>
  Object.fromEntries(
    (taskRequest.safeParse(value).error?.issues ?? []).map((issue) => [
      issue.path.join("."),
      issue.message,
    ]),
  );

Deno.test("taskRequest takes every switch of thinking and of the chat template", () => {
  const switches = {
    reasoning_effort: "xhigh",
    reasoning_format: "none",
    reasoning_budget_tokens: 0,
    chat_template_kwargs: { enable_thinking: false, documents: [{ text: "a" }] },
    continue_final_message: false,
    logprobs: 0,
    post_sampling_probs: true,
  };
  const task = taskRequest.parse(chat(switches));
  assert.deepEqual({ ...task, ...switches }, task);
});

Deno.test("taskRequest bounds the switches and names each that is wrong", () => {
  const wrong = chat({
    reasoning_effort: "most",
    reasoning_format: "deepseek",
    reasoning_budget_tokens: -1,
    chat_template_kwargs: [],
    continue_final_message: 1,
    post_sampling_probs: true,
  });
  assert.deepEqual(wrongFields(wrong).sort(), [
    "chat_template_kwargs",
    "continue_final_message",
    "post_sampling_probs",
    "reasoning_budget_tokens",
    "reasoning_effort",
    "reasoning_format",
  ]);
});

Deno.test("chat_template_kwargs is bounded in bytes and depth", () => {
  const kwargs = (value: unknown) => messagesOf(chat({ chat_template_kwargs: value }));
  const nested = (levels: number): unknown => levels === 1 ? {} : { a: [nested(levels - 2)] };
  assert.deepEqual(kwargs(nested(7)), {});
  assert.match(kwargs(nested(9))["chat_template_kwargs"]!, /at most 8 levels/);
  assert.match(kwargs({ a: Array(200_000).fill(0) })["chat_template_kwargs"]!, /bytes/);
  const room = 16 * 1024 - '{"a":""}'.length;
  assert.deepEqual(kwargs({ a: "x".repeat(room) }), {});
  assert.match(kwargs({ a: "x".repeat(room + 1) })["chat_template_kwargs"]!, /: 16385 found/);
  assert.match(kwargs({ a: "é".repeat(room) })["chat_template_kwargs"]!, /at most 16384 bytes/);
});

Deno.test("chat_template_kwargs cannot replace what other fields or the model give", () => {
  const names = ["messages", "tools", "bos_token", "add_generation_prompt", "chat_template"];
  const given = Object.fromEntries(names.map((name) => [name, 1]));
  const found = messagesOf(chat({ chat_template_kwargs: { ...given, enable_thinking: true } }));
  assert.deepEqual(Object.keys(found), names.map((name) => `chat_template_kwargs.${name}`));
  assert.match(found["chat_template_kwargs.tools"]!, /other fields or the model decide it/);
});

Deno.test("chat_template_kwargs cannot replace functions of chat templates", () => {
  const names = [
    ...["namespace", "range", "dict", "lipsum", "cycler", "joiner"],
    ...["raise_exception", "strftime_now"],
  ];
  const given = Object.fromEntries(names.map((name) => [name, 1]));
  const found = messagesOf(chat({ chat_template_kwargs: given }));
  assert.deepEqual(Object.keys(found), names.map((name) => `chat_template_kwargs.${name}`));
  assert.match(found["chat_template_kwargs.namespace"]!, /a function that chat templates call/);
});

Deno.test("a chat template in a request is refused by name, with what to do", () => {
  const message = messagesOf(chat({ chat_template: "{{ messages }}" }))["chat_template"];
  assert.match(message!, /the operator sets a model's template with chat_template_file/);
});

Deno.test("continue_final_message needs a last message that can be continued", () => {
  const wrong = (messages: unknown[]) =>
    messagesOf({ model: "m", messages, continue_final_message: true })["continue_final_message"];
  const user = { role: "user", content: "a" };
  const call = { id: "c", type: "function", function: { name: "f", arguments: "{}" } };
  assert.equal(wrong([user, { role: "assistant", content: "b" }]), undefined);
  assert.match(wrong([user])!, /needs a last message of the assistant/);
  assert.match(wrong([user, { role: "assistant", tool_calls: [call] }])!, /with tool_calls/);
});

Deno.test("fields for chats need messages, and those for prompts a prompt", () => {
  const prompt = {
    reasoning_effort: "low",
    chat_template_kwargs: {},
    continue_final_message: true,
  };
  assert.deepEqual(
    wrongFields({ model: "m", prompt: "a", ...prompt }).sort(),
    Object.keys(prompt).sort(),
  );
  assert.deepEqual(wrongFields({ model: "m", prompt: "a", suffix: "", special: true }), []);
  const raw = { suffix: "b", special: true };
  assert.deepEqual(wrongFields(chat(raw)), ["suffix", "special"]);
  assert.deepEqual(wrongFields({ model: "m", prompt_tokens: [1], ...raw }), ["suffix", "special"]);
});

Deno.test("an assistant's turn has thoughts, and may have no text", () => {
  const [message] = taskRequest.parse({
    model: "m",
    messages: [{ role: "assistant", content: null, reasoning_content: "hm" }],
  }).messages!;
  assert.deepEqual(message, { role: "assistant", content: "", reasoning_content: "hm" });
});

Deno.test("functions have names of any text, up to 256 characters, and 1024 of them are taken", () => {
  const tool = (name: string) => ({ type: "function", function: { name, parameters: null } });
  const tools = Array.from({ length: 1024 }, (_, index) => tool(`server/tool: ${index}`));
  const task = taskRequest.parse(chat({ tools, json_schema: {} }));
  assert.equal(task.tools?.length, 1024);
  assert.equal(task.tools?.[0]?.function.parameters, undefined);
  assert.deepEqual(wrongFields(chat({ tools: [...tools, tool("x")] })), ["tools"]);
  assert.deepEqual(wrongFields(chat({ tools: [tool("é".repeat(256))] })), []);
  for (const name of ["", "x".repeat(257)]) {
    assert.deepEqual(wrongFields(chat({ tools: [tool(name)] })), ["tools.0.function.name"]);
  }
  assert.match(messagesOf(chat({ tools: [tool("f"), tool("f")] }))["tools"]!, /"f" twice/);
});

Deno.test("an attempt that goes on with mirostat needs its state", () => {
  const execute = {
    ...{ model: "m", prompt: "a", job_id: "j", attempt: 2, mirostat: 2, resume_tokens: [1] },
  };
  const wrong = (more: object) =>
    fieldErrors(executeRequest.safeParse({ ...execute, ...more }).error!)
      .map(({ field, message }) => `${field}: ${message}`);
  assert.deepEqual(wrong({}), [
    "resume_mirostat_mu: is needed with mirostat and resume_tokens: give mirostat_mu of the last event",
  ]);
  for (const more of [{ resume_mirostat_mu: 9 }, { resume_tokens: [] }, { temperature: 0 }]) {
    assert.ok(executeRequest.safeParse({ ...execute, ...more }).success, JSON.stringify(more));
  }
});
