import { orchestratorRoutes, type PoolState } from "#shared/contracts/mod.ts";
import type { Stack } from "../support/stack.ts";
import { type Case, check, TASK as task } from "./contract.ts";
import { anthropicCases, batchCases, ollamaCases, responsesCases } from "./vendor_cases.ts";

const chat = { model: "counter", messages: [{ role: "user", content: "w7" }], max_tokens: 5 };

const ask = { model: "counter", messages: chat.messages, max_tokens: 5 };

const gap = { model: "counter", input_prefix: "w7", input_suffix: "w9", n_predict: 3 };

/** How a model thinks, and what its template gets. */
const SWITCHES = {
  reasoning_effort: "low",
  reasoning_budget_tokens: 9,
  chat_template_kwargs: { enable_thinking: false },
  continue_final_message: false,
};

/** A conversation as lenient clients write it. */
const TURNS = [
  { role: "user", content: [{ type: "text", text: "w1" }, { type: "text", text: "w7" }] },
  {
    role: "assistant",
    content: null,
    reasoning_content: "hm",
    tool_calls: [{
      ...{ id: "c", type: "function" },
      function: { name: "server/list: all", arguments: { at: 1 } },
    }],
  },
  { role: "tool", content: "w7" },
];
const TOOLS = [{ type: "function", function: { name: "server/list: all", parameters: null } }];

/** Calls of orchestratord's routes, with the expected errors. */
export async function orchestratorCases(stack: Stack, state: PoolState): Promise<Case[]> {
  const r = orchestratorRoutes;
  const submitted = await check(stack.url, { route: r.submit, body: task }) as { job_id: string };
  const id = submitted.job_id;
  await check(stack.url, { route: r.taskEvents, params: { id } });
  const key = await check(stack.url, { route: r.createKey, body: { name: "c" } }) as {
    key_id: string;
  };
  const response = await check(stack.url, {
    route: r.respond,
    body: { model: "counter", input: "w7", max_output_tokens: 2, background: true },
  }) as { id: string };
  const twin = { ...state, pool_id: "other", instance_id: "twin", workers: [], exits: [] };
  const beat = { ...twin, sequence: 1, models: undefined };
  return [
    { route: r.submit, body: task },
    { route: r.submit, body: task, headers: { accept: "text/event-stream" } },
    {
      route: r.submit,
      body: { ...task, logprobs: 2 },
      headers: { accept: "text/event-stream" },
    },
    { route: r.submit, body: { ...task, model: "nope" }, error: "MODEL_NOT_FOUND" },
    {
      route: r.submit,
      body: { model: "", temperature: 9, bogus: 1, tools: [{}] },
      error: "INVALID_REQUEST",
      fields: [
        "model",
        "temperature",
        "bogus",
        "prompt",
        "tools.0.type",
        "tools.0.function",
      ],
    },
    {
      route: r.submit,
      body: { ...task, stop: Array(65).fill("a"), seed: -2 },
      error: "INVALID_REQUEST",
      fields: ["stop", "seed"],
    },
    { route: r.submit, body: {}, error: "INVALID_REQUEST", fields: ["model", "prompt"] },
    { route: r.submit, body: { model: "x" }, error: "INVALID_REQUEST", fields: ["prompt"] },
    {
      route: r.submit,
      body: { ...task, tool_choice: "required", lora: 1 },
      error: "INVALID_REQUEST",
      fields: ["tool_choice", "lora"],
    },
    { route: r.submit, body: { ...ask, ...SWITCHES, reasoning_format: "none" } },
    {
      route: r.submit,
      body: {
        ...ask,
        reasoning_effort: "most",
        reasoning_budget_tokens: -1,
        chat_template_kwargs: { messages: [] },
        chat_template: "x",
        suffix: "x",
        special: true,
        continue_final_message: true,
        post_sampling_probs: true,
      },
      error: "INVALID_REQUEST",
      fields: [
        "reasoning_effort",
        "reasoning_budget_tokens",
        "chat_template_kwargs.messages",
        "chat_template",
        "suffix",
        "special",
        "post_sampling_probs",
        "continue_final_message",
      ],
    },
    { route: r.submit, body: "{", error: "INVALID_REQUEST" },
    { route: r.submit, body: "[]", error: "INVALID_REQUEST" },
    { route: r.submit, body: "null", error: "INVALID_REQUEST" },
    {
      route: r.submit,
      body: task,
      headers: { "content-type": "text/plain" },
      error: "UNSUPPORTED_MEDIA_TYPE",
    },
    {
      route: r.submit,
      body: { ...task, prompt: "x".repeat(9_000_000) },
      error: "PAYLOAD_TOO_LARGE",
    },
    {
      route: r.submit,
      body: task,
      headers: { "idempotency-key": "has spaces" },
      error: "INVALID_REQUEST",
      fields: ["idempotency-key"],
    },
    {
      route: r.submit,
      body: { ...task, prompt: "w1 ".repeat(6000) },
      error: "CONTEXT_LENGTH_EXCEEDED",
    },
    { route: r.listTasks, query: "?limit=1&status=completed&model=counter" },
    {
      route: r.listTasks,
      query: "?limit=0&status=odd&cursor=x",
      error: "INVALID_REQUEST",
      fields: ["limit", "status", "cursor"],
    },
    { route: r.getTask, params: { id } },
    { route: r.getTask, params: { id: "nope" }, error: "NOT_FOUND" },
    { route: r.getTask, params: { id: "no pe" }, error: "INVALID_REQUEST", fields: ["id"] },
    { route: r.taskEvents, params: { id } },
    { route: r.taskEvents, params: { id }, headers: { "last-event-id": "999" } },
    { route: r.taskEvents, params: { id: "nope" }, error: "NOT_FOUND" },
    {
      route: r.taskEvents,
      params: { id },
      headers: { "last-event-id": "x" },
      error: "INVALID_REQUEST",
      fields: ["last-event-id"],
    },
    { route: r.cancelTask, params: { id } },
    { route: r.cancelTask, params: { id: "nope" }, error: "NOT_FOUND" },
    { route: r.deleteTask, params: { id } },
    { route: r.deleteTask, params: { id: "nope" }, error: "NOT_FOUND" },
    { route: r.models },
    { route: r.workers },
    { route: r.pools },
    { route: r.queue },
    { route: r.serviceEvents, query: "?follow=false" },
    { route: r.serviceEvents, query: "?follow=false", headers: { "last-event-id": "1" } },
    {
      route: r.serviceEvents,
      query: "?follow=maybe",
      headers: { "last-event-id": "x" },
      error: "INVALID_REQUEST",
      fields: ["follow", "last-event-id"],
    },
    { route: r.loadModel, params: { ref: "counter" } },
    { route: r.loadModel, params: { ref: "counter" }, body: {} },
    { route: r.loadModel, params: { ref: "nope" }, error: "MODEL_NOT_FOUND" },
    {
      route: r.loadModel,
      params: { ref: "counter" },
      body: { pool_id: "nowhere" },
      error: "NOT_FOUND",
    },
    ...[r.loadModel, r.unloadModel, r.pinModel, r.unpinModel].map((route) => ({
      route,
      params: { ref: "counter" },
      body: { pool_id: "no pool", gpu: 1 },
      error: "INVALID_REQUEST" as const,
      fields: ["pool_id", "gpu"],
    })),
    { route: r.pinModel, params: { ref: "counter" }, body: { device: "cpu" } },
    {
      route: r.pinModel,
      params: { ref: "counter" },
      body: { device: "cuda7" },
      error: "NOT_FOUND",
    },
    { route: r.unloadModel, params: { ref: "counter" }, error: "CONFLICT" },
    { route: r.loadModel, params: { ref: "ranker" } },
    { route: r.unloadModel, params: { ref: "ranker" } },
    { route: r.unpinModel, params: { ref: "counter" }, error: "CONFLICT" },
    { route: r.unpinModel, params: { ref: "counter" }, body: { device: "cpu" } },
    {
      route: r.unloadModel,
      params: { ref: "counter" },
      body: { pool_id: "nowhere" },
      error: "NOT_FOUND",
    },
    { route: r.registerPool, body: twin },
    { route: r.registerPool, body: { ...twin, endpoint: "x" }, error: "INVALID_REQUEST" },
    {
      route: r.registerPool,
      body: { ...twin, instance_id: "triplet", endpoint: "http://127.0.0.1:1" },
      error: "CONFLICT",
    },
    { route: r.heartbeat, params: { id: "other" }, body: beat },
    {
      route: r.heartbeat,
      params: { id: "other" },
      body: {
        ...beat,
        workers: [{ worker_id: "nobody", state: "ready", active: 0, memory_bytes: 0 }],
      },
      error: "NOT_FOUND",
    },
    { route: r.heartbeat, params: { id: "other" }, body: {}, error: "INVALID_REQUEST" },
    { route: r.heartbeat, params: { id: "nope" }, body: beat, error: "NOT_FOUND" },
    { route: r.drainPool, params: { id: "other" }, body: { deadline_ms: 1 } },
    { route: r.drainPool, params: { id: "nope" }, body: {}, error: "NOT_FOUND" },
    {
      route: r.drainPool,
      params: { id: "other" },
      body: { deadline_ms: -1 },
      error: "INVALID_REQUEST",
      fields: ["deadline_ms"],
    },
    { route: r.undrainPool, params: { id: "other" } },
    { route: r.undrainPool, params: { id: "nope" }, error: "NOT_FOUND" },
    {
      route: r.reloadPool,
      params: { id: "nope" },
      body: { from: "counter", to: "ranker" },
      error: "NOT_FOUND",
    },
    {
      route: r.reloadPool,
      params: { id: "other" },
      body: { from: "counter", to: "ranker" },
      error: "CONFLICT",
    },
    {
      route: r.reloadPool,
      params: { id: state.pool_id },
      body: { from: "counter", to: "nope" },
      error: "MODEL_NOT_FOUND",
    },
    {
      route: r.reloadPool,
      params: { id: state.pool_id },
      body: { from: "counter" },
      error: "INVALID_REQUEST",
      fields: ["to"],
    },
    {
      route: r.deregisterPool,
      params: { id: "other" },
      body: { instance_id: "wrong" },
      error: "NOT_FOUND",
    },
    { route: r.deregisterPool, params: { id: "other" }, body: {}, error: "INVALID_REQUEST" },
    { route: r.deregisterPool, params: { id: "other" }, body: { instance_id: "twin" } },
    { route: r.createKey, body: { name: "contract", limits: { concurrent_jobs: 1 } } },
    {
      route: r.createKey,
      body: { name: "a\u0000", role: "king", expires_at: "soon", limits: { x: 1 } },
      error: "INVALID_REQUEST",
      fields: ["name", "role", "expires_at", "limits.x"],
    },
    { route: r.listKeys },
    { route: r.models, query: "?fit=true" },
    { route: r.models, query: "?fit=1", error: "INVALID_REQUEST", fields: ["fit"] },
    { route: r.session },
    { route: r.signIn, body: { key: "any" } },
    { route: r.signIn, body: { key: "" }, error: "INVALID_REQUEST", fields: ["key"] },
    {
      route: r.signIn,
      body: { key: `llorch_${"0".repeat(12)}_${"0".repeat(64)}` },
      error: "UNAUTHORIZED",
    },
    { route: r.signOut },
    { route: r.consolePage },
    { route: r.consolePage, headers: { accept: "text/html" } },
    { route: r.consoleFile, params: { file: "app.js" } },
    { route: r.consoleFile, params: { file: "app.css" } },
    { route: r.consoleFile, params: { file: "icon.svg" } },
    { route: r.consoleFile, params: { file: "app.ts" }, error: "NOT_FOUND" },
    { route: r.revokeKey, params: { id: key.key_id } },
    { route: r.revokeKey, params: { id: "nope" }, error: "NOT_FOUND" },
    { route: r.openaiModels },
    { route: r.openaiModel, params: { model: "counter" } },
    { route: r.openaiModel, params: { model: state.models[0]!.model_ref } },
    { route: r.openaiModel, params: { model: "nope" }, error: "MODEL_NOT_FOUND" },
    { route: r.chat, body: chat },
    { route: r.chat, body: { ...chat, stream: true } },
    { route: r.chat, body: { ...chat, model: "nope" }, error: "MODEL_NOT_FOUND" },
    { route: r.chat, body: { ...chat, n: 3 } },
    { route: r.chat, body: { ...chat, logprobs: true, top_logprobs: 3 } },
    {
      route: r.chat,
      body: { ...chat, top_logprobs: 3 },
      error: "INVALID_REQUEST",
      fields: ["top_logprobs"],
    },
    {
      route: r.chat,
      body: { ...chat, ...SWITCHES, thinking_budget_tokens: 9 },
    },
    { route: r.chat, body: { ...chat, enable_thinking: true } },
    { route: r.chat, body: { ...chat, reasoning: { effort: "none" } } },
    { route: r.chat, body: { ...chat, reasoning_budget_tokens: -1 } },
    {
      route: r.chat,
      body: { ...chat, include_reasoning: false, chat_template_kwargs: { thinking: "maybe" } },
      error: "INVALID_REQUEST",
      fields: ["chat_template_kwargs.thinking", "include_reasoning"],
    },
    { route: r.chat, body: { ...chat, messages: TURNS, tools: TOOLS, stream: true } },
    {
      route: r.chat,
      body: {
        ...chat,
        reasoning_effort: "most",
        reasoning_format: "x",
        chat_template_kwargs: { a: "x".repeat(20_000) },
        chat_template: "x",
        add_generation_prompt: false,
      },
      error: "INVALID_REQUEST",
      fields: [
        "chat_template",
        "reasoning_effort",
        "reasoning_format",
        "chat_template_kwargs",
        "add_generation_prompt",
      ],
    },
    { route: r.chat, body: { ...chat, n: 17 }, error: "INVALID_REQUEST", fields: ["n"] },
    { route: r.chat, body: { ...chat, best_of: 2 }, error: "INVALID_REQUEST", fields: ["best_of"] },
    { route: r.chat, body: { model: "counter" }, error: "INVALID_REQUEST", fields: ["messages"] },
    ...[
      { route: r.chat, body: chat },
      { route: r.completions, body: task },
      { route: r.respond, body: { input: "w7" } },
      { route: r.messages, body: ask },
      { route: r.infill, body: gap },
      { route: r.embeddings, body: { input: "w7" } },
      { route: r.rank, body: { query: "w1", documents: ["w2"] } },
    ].map(({ route, body }): Case => ({
      route,
      body: { ...body, model: null },
      error: "INVALID_REQUEST",
      fields: ["model"],
    })),
    { route: r.completions, body: task },
    { route: r.completions, body: { ...task, stream: true, logprobs: 1 } },
    { route: r.completions, body: { ...task, prompt: ["w1", "w7"], n: 2 } },
    { route: r.completions, body: { ...task, special: false, suffix: null } },
    {
      route: r.completions,
      body: { ...task, prompt: [1], suffix: "x", post_sampling_probs: true, chat_template: "x" },
      error: "INVALID_REQUEST",
      fields: ["chat_template", "suffix", "post_sampling_probs"],
    },
    { route: r.completions, body: { ...task, model: "nope" }, error: "MODEL_NOT_FOUND" },
    {
      route: r.completions,
      body: { ...task, prompt: "", echo: true },
      error: "INVALID_REQUEST",
      fields: ["prompt"],
    },
    // The counter has no tokens for a gap.
    {
      route: r.completions,
      body: { ...task, suffix: "w9" },
      error: "INVALID_REQUEST",
      fields: ["suffix"],
    },
    {
      route: r.infill,
      body: { ...gap, input_extra: [{ text: "w1" }], stream: true },
      error: "INVALID_REQUEST",
    },
    {
      route: r.infill,
      body: { model: "counter", input_prefix: "a", n_probs: 2, logit_bias: [[1, 2]] },
      error: "INVALID_REQUEST",
    },
    { route: r.completions, body: { model: "gap", prompt: "", suffix: "w9" } },
    { route: r.infill, body: { ...gap, model: "gap" } },
    { route: r.infill, body: { ...gap, model: "gap", n_predict: 0, stream: true } },
    {
      route: r.infill,
      body: { ...gap, model: "gap", input_extra: [{ text: "w1" }], stream: true },
    },
    { route: r.embeddings, body: { model: "counter", input: "w7" } },
    {
      route: r.embeddings,
      body: { model: "counter", input: ["w7", "w8"], encoding_format: "base64" },
    },
    {
      route: r.embeddings,
      body: { model: "counter", input: [], dimensions: 3 },
      error: "INVALID_REQUEST",
      fields: ["input"],
    },
    { route: r.embeddings, body: { model: "nope", input: "w7" }, error: "MODEL_NOT_FOUND" },
    { route: r.rank, body: { model: "ranker", query: "w1", documents: ["w2", "w3"], top_n: 1 } },
    {
      route: r.rank,
      body: { model: "counter", query: "w1", documents: ["w2"] },
      error: "INVALID_REQUEST",
    },
    { route: r.chat, body: { ...chat, model: "ranker" }, error: "INVALID_REQUEST" },
    ...responsesCases(response.id),
    ...await batchCases(stack),
    ...anthropicCases(),
    ...ollamaCases(),
    { route: r.health },
    { route: r.ready },
    { route: r.metrics },
    { route: r.openapi },
  ];
}
