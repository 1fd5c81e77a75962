import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import fc from "fast-check";
import {
  orchestratorRoutes,
  poolRoutes,
  type PoolState,
  type Route,
  workerRoutes,
} from "#shared/contracts/mod.ts";
import { writeEncoderModel } from "../support/encoder_model.ts";
import { counterModel } from "../support/models.ts";
import { type Stack, until, withStack } from "../support/stack.ts";
import { type Case, check, send } from "./contract.ts";

const task = { model: "counter", prompt: "w7", max_tokens: 5, temperature: 0 };
const chat = { model: "counter", messages: [{ role: "user", content: "w7" }], max_tokens: 5 };

/** Every route of a table must have been called with success and, where it takes input, with errors. */
function assertCovered(table: Record<string, Route>, cases: readonly Case[]): void {
  for (const [name, route] of Object.entries(table)) {
    const own = cases.filter((each) => each.route === route);
    assert.ok(own.some((each) => each.error === undefined), `${name} is never called with success`);
    if (route.body) {
      assert.ok(own.some((each) => each.error === "INVALID_REQUEST"), `${name} is never refused`);
    }
  }
}

async function orchestratorCases(stack: Stack, state: PoolState): Promise<Case[]> {
  const r = orchestratorRoutes;
  const submitted = await check(stack.url, { route: r.submit, body: task }) as { job_id: string };
  const id = submitted.job_id;
  await check(stack.url, { route: r.taskEvents, params: { id } });
  const key = await check(stack.url, { route: r.createKey, body: { name: "c" } }) as {
    key_id: string;
  };
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
      body: { ...task, stop: ["a", "b", "c", "d", "e"], seed: -1 },
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
    { route: r.chat, body: { ...chat, n: 17 }, error: "INVALID_REQUEST", fields: ["n"] },
    { route: r.chat, body: { ...chat, best_of: 2 }, error: "INVALID_REQUEST", fields: ["best_of"] },
    { route: r.chat, body: { model: "counter" }, error: "INVALID_REQUEST", fields: ["messages"] },
    { route: r.completions, body: task },
    { route: r.completions, body: { ...task, stream: true, logprobs: 1 } },
    { route: r.completions, body: { ...task, prompt: ["w1", "w7"], n: 2 } },
    { route: r.completions, body: { ...task, model: "nope" }, error: "MODEL_NOT_FOUND" },
    {
      route: r.completions,
      body: { ...task, prompt: "", echo: true },
      error: "INVALID_REQUEST",
      fields: ["prompt"],
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
    { route: r.health },
    { route: r.ready },
    { route: r.metrics },
    { route: r.openapi },
  ];
}

function poolCases(state: PoolState): Case[] {
  const r = poolRoutes;
  const [model] = state.models;
  const spawn = {
    request_id: "contract-1",
    model_ref: model!.model_ref,
    fingerprint: model!.fingerprint,
  };
  const ready = {
    worker_id: "nope",
    spawn_token: "x",
    uri: "http://127.0.0.1:1",
    model_ref: "x",
    fingerprint: "0".repeat(64),
    memory_bytes: 0,
    context: 1,
    slots: 1,
    capabilities: [],
    backend: "cpu",
    pid: 1,
  };
  const worker = state.workers[0]!;
  return [
    { route: r.spawn, params: { id: "local" }, body: spawn },
    { route: r.spawn, params: { id: "local" }, body: spawn },
    { route: r.spawn, params: { id: "else" }, body: spawn, error: "NOT_FOUND" },
    {
      route: r.spawn,
      params: { id: "local" },
      body: { ...spawn, request_id: "contract-2", model_ref: "nope", fingerprint: "0".repeat(64) },
      error: "MODEL_NOT_FOUND",
    },
    {
      route: r.spawn,
      params: { id: "local" },
      body: { request_id: "?", slots: 0, bogus: 1 },
      error: "INVALID_REQUEST",
      fields: ["request_id", "model_ref", "fingerprint", "slots", "bogus"],
    },
    { route: r.workerReady, body: ready, error: "NOT_FOUND" },
    {
      route: r.workerReady,
      body: { ...ready, worker_id: worker.worker_id },
      error: "FORBIDDEN",
    },
    { route: r.workerReady, body: {}, error: "INVALID_REQUEST" },
    { route: r.state },
    { route: r.workerLogs, params: { id: worker.worker_id } },
    { route: r.workerLogs, params: { id: "nope" }, error: "NOT_FOUND" },
    { route: r.health },
    { route: r.ready },
    { route: r.metrics },
    { route: r.openapi },
    { route: r.drainWorker, params: { id: "nope" }, body: {}, error: "NOT_FOUND" },
    {
      route: r.drainWorker,
      params: { id: "x" },
      body: { deadline_ms: -1 },
      error: "INVALID_REQUEST",
    },
    { route: r.stopWorker, params: { id: "nope" }, body: {}, error: "NOT_FOUND" },
    { route: r.stopWorker, params: { id: "x" }, body: { x: 1 }, error: "INVALID_REQUEST" },
    { route: r.drainWorker, params: { id: worker.worker_id }, body: { deadline_ms: 1000 } },
    { route: r.stopWorker, params: { id: worker.worker_id }, body: { deadline_ms: 1000 } },
  ];
}

/** @param slots The folder in which it may save slots. */
function workerCases(slots: string): Case[] {
  const r = workerRoutes;
  const execute = { ...task, job_id: "contract", attempt: 1 };
  return [
    { route: r.execute, body: execute },
    { route: r.execute, body: { ...execute, attempt: 0, x: 1 }, error: "INVALID_REQUEST" },
    { route: r.embed, body: { input: ["w7", [1, 2]] } },
    { route: r.embed, body: { input: [] }, error: "INVALID_REQUEST", fields: ["input"] },
    { route: r.embed, body: { input: ["w1 ".repeat(6000)] }, error: "CONTEXT_LENGTH_EXCEEDED" },
    {
      route: r.rerank,
      body: { query: "w1", documents: ["w2"] },
      error: "INVALID_REQUEST",
      fields: ["model"],
    },
    {
      route: r.execute,
      body: { ...execute, job_id: "long", prompt: "w1 ".repeat(6000) },
      error: "CONTEXT_LENGTH_EXCEEDED",
    },
    {
      route: r.execute,
      body: { ...execute, job_id: "ids", prompt: undefined, prompt_tokens: [2_000_000_000] },
      error: "INVALID_REQUEST",
    },
    {
      route: r.execute,
      body: { ...execute, job_id: "grammar", grammar: "root ::= (" },
      error: "INVALID_REQUEST",
    },
    { route: r.cancel, body: { job_id: "nope", attempt: 1 } },
    { route: r.cancel, body: {}, error: "INVALID_REQUEST", fields: ["job_id", "attempt"] },
    { route: r.saveSlot, params: { n: "0" }, body: { path: join(slots, "a") } },
    { route: r.saveSlot, params: { n: "0" }, body: { path: join(slots, "a") }, error: "CONFLICT" },
    { route: r.restoreSlot, params: { n: "0" }, body: { path: join(slots, "a") } },
    {
      route: r.restoreSlot,
      params: { n: "0" },
      body: { path: join(slots, "b") },
      error: "NOT_FOUND",
    },
    {
      route: r.saveSlot,
      params: { n: "200" },
      body: { path: join(slots, "b") },
      error: "NOT_FOUND",
    },
    ...[r.saveSlot, r.restoreSlot].flatMap((route): Case[] => [
      {
        route,
        params: { n: "x" },
        body: { path: "" },
        error: "INVALID_REQUEST",
        fields: ["n", "path"],
      },
      {
        route,
        params: { n: "0" },
        body: { path: "/etc/passwd" },
        error: "INVALID_REQUEST",
        fields: ["path"],
      },
    ]),
    { route: r.tokenize, body: { prompt: "w7 w8" } },
    { route: r.tokenize, body: { messages: [{ role: "user", content: "w7" }] } },
    { route: r.tokenize, body: {}, error: "INVALID_REQUEST", fields: ["prompt"] },
    { route: r.health },
    { route: r.ready },
    { route: r.metrics },
    { route: r.openapi },
    { route: r.shutdown },
  ];
}

/** Comes last: it ends a worker. */
const reload = (id: string): Case => ({
  route: orchestratorRoutes.reloadPool,
  params: { id },
  body: { from: "ranker", to: "counter", deadline_ms: 1000 },
});

Deno.test("every route keeps its contract, on error paths too", async (t) => {
  const stateDir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const models = dirname(counterModel());
    writeEncoderModel(join(models, "ranker.gguf"), { purpose: "rank" });
    const env = { LLORCH_SAVED_SLOTS_MAX_BYTES: "100000000" };
    await withStack({ models, model: "counter", stateDir, env }, async (stack) => {
      const state = await check(stack.poolUrl, { route: poolRoutes.state }) as PoolState;
      const worker = state.workers[0]!;

      await t.step("orchestratord", async () => {
        const cases = await orchestratorCases(stack, state);
        assertCovered(orchestratorRoutes, [...cases, reload(state.pool_id)]);
        for (const each of cases) await check(stack.url, each);
      });

      await t.step("wrong paths and methods", async () => {
        const nowhere = await fetch(`${stack.url}/v2/nowhere`);
        assert.equal(nowhere.status, 404);
        assert.equal((await nowhere.json()).error.code, "NOT_FOUND");
        const wrong = await fetch(`${stack.url}/v2/models`, { method: "DELETE" });
        assert.equal(wrong.status, 405);
        assert.equal(wrong.headers.get("allow"), "GET");
        assert.equal((await wrong.json()).error.code, "METHOD_NOT_ALLOWED");
      });

      await t.step("a caller's correlation id is kept if it is harmless", async () => {
        for (const [given, isKept] of [["abc-123", true], ["x".repeat(65), false]] as const) {
          const reply = await fetch(`${stack.url}/health`, {
            headers: { "x-correlation-id": given },
          });
          await reply.body?.cancel();
          assert.equal(reply.headers.get("x-correlation-id") === given, isKept);
        }
      });

      await t.step("no token of a worker is shown to clients", async () => {
        for (const path of ["/v2/workers", "/v2/pools", "/v2/models", "/metrics"]) {
          const text = await (await fetch(stack.url + path)).text();
          assert.ok(!text.includes(worker.token), path);
        }
      });

      await t.step("garbage is a 4xx, never a 5xx, and changes nothing", async () => {
        const routes = [orchestratorRoutes.submit, orchestratorRoutes.chat];
        await fc.assert(
          fc.asyncProperty(fc.constantFrom(...routes), fc.jsonValue(), async (route, value) => {
            const reply = await send(stack.url, { route, body: JSON.stringify(value) });
            await reply.body?.cancel();
            assert.ok(reply.status >= 400 && reply.status < 500, `${reply.status}`);
          }),
          { numRuns: 300 },
        );
        const almost = fc.record({
          model: fc.constant("counter"),
          prompt: fc.constant("w7"),
          max_tokens: fc.oneof(fc.constant(1), fc.anything()),
          temperature: fc.oneof(fc.constant(0), fc.double(), fc.string()),
          seed: fc.oneof(fc.constant(1), fc.double(), fc.bigInt().map(String)),
          stop: fc.oneof(fc.constant([]), fc.array(fc.string()), fc.string()),
          logit_bias: fc.oneof(fc.constant({}), fc.dictionary(fc.string(), fc.double())),
        });
        await fc.assert(
          fc.asyncProperty(almost, async (value) => {
            const reply = await send(stack.url, {
              route: orchestratorRoutes.submit,
              body: JSON.stringify({ ...value, max_tokens: value.max_tokens ?? 1 }),
            });
            await reply.body?.cancel();
            assert.ok(reply.status < 500 && reply.status !== 404, `${reply.status}`);
          }),
          { numRuns: 100 },
        );
        await until("the queue is empty again", async () => {
          const queue = await (await fetch(`${stack.url}/v2/queue`)).json();
          return queue.depth === 0;
        });
      });

      await t.step("llorch-candled", async () => {
        const closed = await send(worker.uri!, { route: workerRoutes.ready });
        assert.equal(closed.status, 401);
        await closed.body?.cancel();
        const open = await send(worker.uri!, { route: workerRoutes.health });
        assert.equal(open.status, 200);
        await open.body?.cancel();
        const cases = workerCases(join(stateDir, "pool-managerd", "slots"));
        // Only another model can rank.
        const { workers } = await check(stack.poolUrl, { route: poolRoutes.state }) as PoolState;
        const ranker = workers.find((each) => each.capabilities.includes("rerank"))!;
        const rank = { route: workerRoutes.rerank, body: { query: "w1", documents: ["w2"] } };
        await check(ranker.uri!, rank, ranker.token);
        assertCovered(workerRoutes, [...cases, rank]);
        for (const each of cases) await check(worker.uri!, each, worker.token);
      });

      await t.step("pool-managerd", async () => {
        const isNew = ({ fingerprint, pid }: PoolState["workers"][number]) =>
          fingerprint === worker.fingerprint && pid !== worker.pid;
        await check(stack.url, reload(state.pool_id));
        await until("a worker is there again", async () => {
          await check(stack.url, {
            route: orchestratorRoutes.loadModel,
            params: { ref: "counter" },
          });
          const now = await check(stack.poolUrl, { route: poolRoutes.state }) as PoolState;
          return now.workers.some((each) => isNew(each) && each.state === "ready");
        });
        const now = await check(stack.poolUrl, { route: poolRoutes.state }) as PoolState;
        const cases = poolCases({ ...now, workers: now.workers.filter(isNew) });
        const { workerReady: _, ...rest } = poolRoutes;
        assertCovered(rest, cases);
        for (const each of cases) await check(stack.poolUrl, each);
      });
    });
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});
