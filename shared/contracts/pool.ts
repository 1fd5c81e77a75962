import { z } from "zod";
import { bytes, identifier, milliseconds, sha256, timestamp } from "./common.ts";
import { modelName } from "./request.ts";

/** What kind of memory and compute a device is. */
export const deviceKind = z.enum(["cuda", "metal", "vulkan", "rocm", "cpu"]);

/** Kind of a {@linkcode device}. */
export type DeviceKind = z.output<typeof deviceKind>;

export const device = z.object({
  id: identifier.meta({ description: "cpu, cuda0, cuda1, …" }),
  kind: deviceKind,
  name: z.string(),
  total_bytes: bytes,
  free_bytes: bytes.meta({ description: "As the device says: what other programs hold counts" }),
  unavailable: z.string().optional()
    .meta({ description: "Why it cannot be used now; it has no free memory then" }),
  asked_only: z.literal(true).optional().meta({
    description: "Models go there only when it is named: a CPU beside GPUs, unless `devices.cpu` " +
      "of its pool manager is `always`",
  }),
}).meta({ id: "Device" });

/** A device of a pool. */
export type Device = z.output<typeof device>;

export const defaultLoad = z.object({
  context: z.number().int().min(1).meta({ description: "Tokens per slot" }),
  slots: z.number().int().min(1),
  device_bytes: z.partialRecord(deviceKind, bytes).meta({
    description: "Memory that it takes on a device of each kind, measured or estimated",
  }),
  host_bytes: bytes.meta({
    description: "Memory that it takes in the machine beside a GPU that holds only some layers",
  }),
}).meta({ id: "DefaultLoad" });

/** How a pool loads a model for which nobody names a context or slots. */
export type DefaultLoad = z.output<typeof defaultLoad>;

export const poolModel = z.object({
  model_ref: modelName,
  aliases: z.array(modelName),
  fingerprint: sha256,
  sha256: sha256.optional(),
  path: z.string(),
  size_bytes: bytes,
  architecture: z.string(),
  context_length: z.number().int().min(0),
  weight_bytes: bytes,
  kv_bytes_per_token: bytes,
  compute_bytes: bytes,
  window_tokens: z.number().int().min(1).optional()
    .meta({ description: "Tokens that windowed layers look back" }),
  window_bytes_per_token: bytes.optional(),
  state_bytes_per_slot: bytes.optional().meta({ description: "State of recurrent layers" }),
  batch_tokens: z.number().int().min(1).optional()
    .meta({ description: "Tokens computed at once, where that is configured" }),
  block_count: z.number().int().min(0).optional(),
  gpu_layers: z.number().int().min(0).optional()
    .meta({ description: "Layers that loads put on a GPU as its host is configured; else all" }),
  measured: z.object({ context: z.number().int(), slots: z.number().int(), memory_bytes: bytes })
    .optional().meta({ description: "What the last load really took" }),
  default_load: defaultLoad.optional().meta({
    description: "What its pool makes of a load that names nothing; absent from older pools",
  }),
  staged: z.boolean(),
}).meta({ id: "PoolModel" });

/** A model that a pool has on disk. */
export type PoolModel = z.output<typeof poolModel>;

export const unusableModel = z.object({
  name: z.string().max(256).meta({ description: "The file's name without its ending" }),
  path: z.string().max(4096),
  reason: z.string().max(1024),
}).meta({ id: "UnusableModel" });

/** A file in a models folder that no worker could load. */
export type UnusableModel = z.output<typeof unusableModel>;

export const workerState = z.enum(["starting", "loading", "ready", "draining", "stopping"]);

/** State of a {@linkcode poolWorker}. */
export type WorkerState = z.output<typeof workerState>;

/** What a worker can be asked for. */
export const capability = z.enum(["generate", "tokenize", "embed", "rerank"]);

/** What a worker's model can do. */
export type Capability = z.output<typeof capability>;

export const poolWorker = z.object({
  worker_id: identifier,
  request_id: identifier,
  pid: z.number().int().min(1),
  model_ref: modelName,
  fingerprint: sha256,
  device: identifier,
  uri: z.url().optional().meta({ description: "Absent until the worker listens" }),
  token: z.string().meta({ description: "Bearer token of the worker; shown to nobody else" }),
  backend: z.string(),
  capabilities: z.array(capability),
  state: workerState,
  context: z.number().int().min(1).meta({ description: "Tokens per slot" }),
  slots: z.number().int().min(1),
  active: z.number().int().min(0),
  memory_bytes: bytes,
  heir_of: z.array(identifier).max(256).optional().meta({
    description: "Workers that have ended and whose saved slots it was given",
  }),
}).meta({ id: "PoolWorker" });

/** A worker as its pool reports it. */
export type PoolWorker = z.output<typeof poolWorker>;

/** Of a worker that the orchestrator knows: what changes while it serves. */
export const workerUpdate = z.strictObject({
  worker_id: identifier,
  state: workerState,
  active: z.number().int().min(0),
  memory_bytes: bytes,
}).meta({ id: "WorkerUpdate" });

/** A {@linkcode PoolWorker} in short. */
export type WorkerUpdate = z.output<typeof workerUpdate>;

export const workerExit = z.object({
  worker_id: identifier,
  exit_code: z.number().int().nullable(),
  signal: z.string().nullable(),
  category: z.enum(["crash", "oom", "timeout", "stop"]),
  at: timestamp,
  detail: z.string().optional().meta({
    description: "Last line of the worker's log, if it failed",
  }),
  is_final: z.literal(true).optional().meta({
    description: "It could not load its model, and no other worker of this pool could",
  }),
}).meta({ id: "WorkerExit" });

/** The end of a worker's process; repeated until acknowledged. */
export type WorkerExit = z.output<typeof workerExit>;

/** `POST /v2/pools/register`, and the body of a pool's `GET /v2/state`. */
export const poolState = z.object({
  pool_id: identifier,
  instance_id: identifier.meta({ description: "New at each start of the pool manager" }),
  sequence: z.number().int().min(1).optional().meta({
    description:
      "Rises with each report of an instance, heartbeats included; one that comes after a " +
      "later one changes nothing. Absent from older pools",
  }),
  endpoint: z.url(),
  version: z.string(),
  models_revision: z.number().int().min(0),
  devices: z.array(device),
  models: z.array(poolModel),
  unusable: z.array(unusableModel).max(1000).optional(),
  workers: z.array(poolWorker),
  exits: z.array(workerExit),
}).meta({ id: "PoolState" });

/** Everything a pool knows of itself. */
export type PoolState = z.output<typeof poolState>;

/**
 * `POST /v2/pools/{id}/heartbeat`; `models` and `unusable` travel again only when their revision changed, and of
 * workers that the last reply named as known only what changes.
 */
export const heartbeat = z.object({
  pool_id: identifier,
  instance_id: identifier,
  sequence: z.number().int().min(1),
  models_revision: z.number().int().min(0),
  models: z.array(poolModel).optional(),
  unusable: z.array(unusableModel).max(1000).optional(),
  devices: z.array(device),
  workers: z.array(z.union([poolWorker, workerUpdate])),
  exits: z.array(workerExit),
}).meta({ id: "Heartbeat" });

/** A heartbeat. */
export type Heartbeat = z.output<typeof heartbeat>;

/** Reply to a registration and to a heartbeat. */
export const heartbeatReply = z.object({
  heartbeat_interval_ms: milliseconds,
  timeout_ms: milliseconds,
  content_retention_ms: milliseconds.optional().meta({
    description: "Nothing of a prompt or an answer may be kept for longer after its last use",
  }),
  acknowledged: z.array(identifier).meta({ description: "Worker ids whose exits are known now" }),
  known: z.array(identifier).default([]).meta({
    description: "Worker ids that a later heartbeat may tell in short",
  }),
}).meta({ id: "HeartbeatReply" });

/** A {@linkcode heartbeatReply}. */
export type HeartbeatReply = z.output<typeof heartbeatReply>;

export const deregister = z.object({ instance_id: identifier }).meta({ id: "Deregister" });

/** `POST /pools/{id}/workers/spawn`. The same `request_id` gives the same worker. */
export const spawnRequest = z.strictObject({
  request_id: identifier,
  model_ref: modelName,
  fingerprint: sha256,
  device: identifier.optional(),
  context: z.number().int().min(8).max(10_000_000).optional(),
  slots: z.number().int().min(1).max(256).optional(),
  gpu_layers: z.number().int().min(0).max(10_000).optional(),
}).meta({ id: "SpawnRequest" });

/** A validated spawn. */
export type SpawnRequest = z.output<typeof spawnRequest>;

export const spawnReply = z.object({ worker_id: identifier }).meta({ id: "SpawnReply" });

/** `POST /workers/ready`, from a worker to its pool manager. */
export const workerReady = z.strictObject({
  worker_id: identifier,
  spawn_token: z.string().min(1).max(256),
  uri: z.url(),
  model_ref: modelName,
  fingerprint: sha256,
  memory_bytes: bytes,
  context: z.number().int().min(1),
  slots: z.number().int().min(1),
  capabilities: z.array(capability),
  backend: z.string(),
  pid: z.number().int().min(1),
  slots_key: sha256.optional().meta({
    description: "Key of the saved slots that it can restore; absent: it takes none",
  }),
  engine_pids: z.array(z.number().int().min(1)).max(1024).optional().meta({
    description: "Processes other than the worker's own that hold the model's memory",
  }),
}).meta({ id: "WorkerReady" });

/** A ready callback. */
export type WorkerReady = z.output<typeof workerReady>;

/** Body of drain and stop. */
export const deadlineBody = z.strictObject({ deadline_ms: milliseconds.default(30_000) })
  .meta({ id: "Deadline" });

/** `POST /v2/pools/{id}/reload`. */
export const reloadRequest = z.strictObject({
  from: modelName,
  to: modelName,
  deadline_ms: milliseconds.default(30_000)
    .meta({ description: "Streams of the old model may run on so long" }),
}).meta({ id: "Reload" });

/** An event of `GET /v2/workers/{id}/logs?follow=true`. */
export const workerLogEvent = z.discriminatedUnion("event", [
  z.object({ event: z.literal("line"), data: z.object({ line: z.string() }) }),
  z.object({ event: z.literal("end"), data: z.object({}) }),
]).meta({ id: "WorkerLogEvent" });
