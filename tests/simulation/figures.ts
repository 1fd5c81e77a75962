/**
 * Figures of the simulated world, and what follows from a scenario.
 *
 * @module
 */
import { SLEPT_MS } from "#shared/clock.ts";
import type { PoolModel } from "#shared/contracts/mod.ts";
import type { Policy } from "../../daemons/orchestratord/scheduler/state.ts";
import { MIB } from "./host.ts";
import type { Model, Scenario, Task } from "./scenario.ts";

/** Time between two reports of a pool, in ms. */
export const HEARTBEAT_MS = 500;
/** Time between two ticks of the scheduler, in ms. */
export const TICK_MS = 250;

/** A stream that is silent for this long is given up. */
export const STALL_MS = 1000;

/** A worker that is silent for this long gets no more jobs. */
const QUIET_MS = 600;

/** Speed of a worker. */
export const PREFILL_TOKENS_PER_MS = 10;
export const TOKEN_MS = 5;
/** Time between two metrics events of a stream, in ms. */
export const METRICS_MS = 250;

/** A pool manager ends a worker that has been hanging for this long. */
export const UNRESPONSIVE_MS = 3000;

/** The policy of one run. The queue has no timeout, because the test has its own bound on waiting. */
export function policyOf({ policy }: Scenario): Policy {
  return {
    queueCapacity: policy.capacity,
    queueTimeoutMs: Infinity,
    batchPromoteMs: 4000,
    yieldAfterMs: policy.yieldAfter,
    swapPatienceMs: policy.patience,
    swapMinResidentMs: policy.resident,
    maxAttempts: 5,
    backoffFirstMs: 100,
    backoffMaxMs: 1000,
    quietMs: QUIET_MS,
    poolTimeoutMs: 3 * HEARTBEAT_MS,
    poolForgetMs: 2500,
    spawnTimeoutMs: 10_000,
    replicaAfterMs: 500,
    stopTimeoutMs: 2000,
    replicaIdleMs: 1500,
    breakerFailures: 3,
    breakerOpenMs: 2000,
    names: new Map(),
    preload: policy.preload.map((index) => `model${index}`),
    idleTtlMs: policy.ttl,
    idleTtlOf: new Map([["model0", 0]]),
  };
}

/** How long the machine sleeps, in ms: longer than any bound on silence. */
export function sleepOf(lasts: number): number {
  return SLEPT_MS + 10 * lasts;
}

/** Time that a poisonous task may take from others, in ms: all of its attempts, each with its own load. */
export const TRIALS_MS = 6 * (UNRESPONSIVE_MS + STALL_MS + 6_000);

/** Shortest time of a task on a worker, in ms. */
export function durationOf({ tokensIn, tokensOut }: Task): number {
  return tokensIn / PREFILL_TOKENS_PER_MS + tokensOut * TOKEN_MS;
}

/** Layers of a model that devices divide, and the memory of buffers on each of them. */
const LAYERS = 33;
const EACH_BYTES = 10 * MIB;

/** A model of this size. */
export function modelOf({ mib, divides }: Model, index: number): PoolModel {
  const split = { layers: LAYERS, layer_bytes: mib * MIB, each_bytes: EACH_BYTES };
  const default_load = {
    ...{ context: 4096, slots: 1, host_bytes: 0, split },
    device_bytes: { cuda: mib * MIB + EACH_BYTES },
  };
  return {
    ...(divides ? { default_load } : {}),
    model_ref: `file:/models/model${index}.gguf`,
    aliases: [`model${index}`],
    fingerprint: String.fromCharCode(97 + index).repeat(64),
    path: "/",
    size_bytes: mib * MIB,
    architecture: "llama",
    context_length: 4096,
    weight_bytes: mib * MIB,
    kv_bytes_per_token: 0,
    compute_bytes: 0,
    staged: false,
  };
}
