import type { PoolModel, PoolWorker } from "#shared/contracts/mod.ts";
import { refusalOf } from "../scheduler/capacity.ts";
import {
  type Effect,
  initialState,
  type Input,
  type Policy,
  type PoolReport,
  type State,
} from "../scheduler/state.ts";
import { step } from "../scheduler/step.ts";

export const MIB: number = 1024 * 1024;
export const A: string = "a".repeat(64);
export const B: string = "b".repeat(64);

/** Short times, and a queue of three. */
export const POLICY: Policy = {
  queueCapacity: 3,
  queueTimeoutMs: 10_000,
  batchPromoteMs: 5_000,
  yieldAfterMs: 0,
  swapPatienceMs: 1_000,
  swapMinResidentMs: 500,
  maxAttempts: 3,
  backoffFirstMs: 100,
  backoffMaxMs: 1_000,
  quietMs: 1_500,
  poolTimeoutMs: 3_000,
  poolForgetMs: 60_000,
  spawnTimeoutMs: 20_000,
  replicaAfterMs: 2_000,
  stopTimeoutMs: 30_000,
  replicaIdleMs: 10_000,
  breakerFailures: 3,
  breakerOpenMs: 30_000,
  names: new Map(),
  preload: [],
  idleTtlMs: 0,
  idleTtlOf: new Map(),
};

/** A model of 100 MiB. */
export function model(fingerprint: string, weight = 100 * MIB): PoolModel {
  return {
    model_ref: `file:/models/${fingerprint.slice(0, 1)}.gguf`,
    aliases: [fingerprint.slice(0, 1)],
    fingerprint,
    path: "/x",
    size_bytes: weight,
    architecture: "llama",
    context_length: 100,
    weight_bytes: weight,
    kv_bytes_per_token: 0,
    compute_bytes: 0,
    staged: false,
  };
}

/** A ready worker on the CPU. */
export function worker(
  id: string,
  fingerprint: string,
  more: Partial<PoolWorker> = {},
): PoolWorker {
  return {
    worker_id: id,
    request_id: `request-${id}`,
    pid: 1,
    model_ref: "m",
    fingerprint,
    device: "cpu",
    uri: "http://127.0.0.1:1",
    token: "t",
    backend: "cpu",
    capabilities: ["generate"],
    state: "ready",
    context: 100,
    slots: 1,
    active: 0,
    memory_bytes: 100 * MIB,
    ...more,
  };
}

/** The report of a pool with one device of 300 MiB. */
export function pool(workers: PoolWorker[], more: Partial<PoolReport> = {}): Input {
  return {
    kind: "pool_seen",
    pool: {
      id: "p1",
      instanceId: "i1",
      endpoint: "http://127.0.0.1:2",
      version: "1",
      modelsRevision: 1,
      sequence: undefined,
      devices: [{
        id: "cpu",
        kind: "cpu",
        name: "cpu",
        total_bytes: 300 * MIB,
        free_bytes: 300 * MIB,
      }],
      models: [model(A), model(B)],
      workers,
      exits: [],
      ...more,
    },
  };
}

/** The input of a new job. */
export function submit(id: string, queuedAt: number, more: Record<string, unknown> = {}): Input {
  const job = {
    id,
    model: "a",
    fingerprint: A,
    priority: "interactive" as const,
    tenant: "",
    queuedAt,
    deadlineAt: undefined,
    attempt: 0,
    tokensIn: 1,
    tokensAtMost: 1,
    maxTokens: undefined,
    affinity: [],
    speaks: true,
    isStored: true,
    deaths: 0,
    ...more,
  };
  return { kind: "submit", job };
}

/** Runs inputs at given times and returns the effects of the last input of each call. */
export class Run {
  state: State;

  constructor(policy: Partial<Policy> = {}) {
    this.state = initialState({ ...POLICY, ...policy });
  }

  at(now: number, ...inputs: Input[]): readonly Effect[] {
    let effects: readonly Effect[] = [];
    for (const input of inputs) effects = step(this.state, input, now).effects;
    return effects;
  }
}

/**
 * Checks for a place in the queue, as a submission does.
 *
 * @throws {LlorchError} `QUEUE_FULL`
 */
export function takePlace(state: State, tenant: string, now: number): void {
  const refusal = refusalOf(state, tenant, now);
  if (!refusal) return;
  const { retryAfterMs = 0 } = refusal;
  step(state, { kind: "turned_away", tenant, retryAfterMs }, now);
  throw refusal;
}

/** The kinds of effects. */
export function kinds(effects: readonly Effect[]): string[] {
  return effects.map((effect) => effect.kind);
}

/** Dispatched jobs, each with its worker. */
export function dispatched(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) =>
    effect.kind === "dispatch" ? [`${effect.jobId} ${effect.worker.worker_id}`] : []
  );
}

/** Workers whose stop was ordered. */
export function stopped(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => effect.kind === "stop_worker" ? [effect.workerId] : []);
}

/** The input of a successful end of an attempt. */
export function done(jobId: string, tokensOut = 1, attempt = 1): Input {
  return { kind: "attempt_ended", jobId, attempt, tokensOut, outcome: { kind: "done" } };
}

/** The input of an attempt that lost its worker before its first token. */
export function lost(jobId: string, attempt = 1): Input {
  const outcome = { kind: "lost" as const, message: "gone" };
  return { kind: "attempt_ended", jobId, attempt, tokensOut: 0, outcome };
}

/** The input of delivered tokens. */
export function progress(jobId: string, tokensOut = 1, attempt = 1): Input {
  return { kind: "progress", jobId, attempt, tokensOut };
}
