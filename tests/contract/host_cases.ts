import { join } from "node:path";
import { poolRoutes, type PoolState, workerRoutes } from "#shared/contracts/mod.ts";
import { type Case, TASK as task } from "./contract.ts";

/** Spawns a worker with a pool's first model. */
export function spawnCase({ models: [model] }: PoolState, requestId: string): Case {
  const { model_ref, fingerprint } = model!;
  const body = { request_id: requestId, model_ref, fingerprint };
  return { route: poolRoutes.spawn, params: { id: "local" }, body };
}

/**
 * Calls of pool-managerd's routes, with the expected errors.
 *
 * @param state A state with a worker; the calls drain it, which ends it.
 * @param other Id of a second worker, which the calls stop.
 */
export function poolCases(state: PoolState, other: string): Case[] {
  const r = poolRoutes;
  const spawned = spawnCase(state, "contract-1");
  const spawn = spawned.body as Record<string, unknown>;
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
    spawned,
    spawned,
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
    { route: r.stopWorker, params: { id: other }, body: { deadline_ms: 1000 } },
  ];
}

/**
 * Calls of a worker's routes, with the expected errors.
 *
 * @param slots Folder in which the worker may save slots.
 */
export function workerCases(slots: string): Case[] {
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
    { route: r.tokenize, body: { prompt: "w7", with_pieces: true, add_special: false } },
    { route: r.tokenize, body: { prompt: "w1 ".repeat(9_000), beyond_context: true } },
    { route: r.tokenize, body: {}, error: "INVALID_REQUEST", fields: ["prompt"] },
    { route: r.detokenize, body: { tokens: [1, 10] } },
    { route: r.detokenize, body: { tokens: [2_000_000_000] }, error: "INVALID_REQUEST" },
    { route: r.render, body: { messages: [{ role: "user", content: "w7" }] } },
    { route: r.render, body: {}, error: "INVALID_REQUEST", fields: ["messages"] },
    { route: r.template },
    { route: r.health },
    { route: r.ready },
    { route: r.metrics },
    { route: r.openapi },
    { route: r.shutdown },
  ];
}
