import { z } from "zod";
import { bytes, identifier, milliseconds, modelName, sha256, timestamp } from "./common.ts";

/** What kind of memory and compute a device is. */
export const deviceKind = z.enum(["cuda", "metal", "vulkan", "rocm", "cpu"]);

/** Kind of a {@linkcode device}. */
export type DeviceKind = z.output<typeof deviceKind>;

export const device = z.object({
  id: identifier.meta({ description: "cpu, cuda0, cuda1, …" }),
  kind: deviceKind,
  name: z.string(),
  total_bytes: bytes,
  free_bytes: bytes.meta({ description: "As the device reports it, other programs included" }),
  unavailable: z.string().optional()
    .meta({ description: "Why it cannot be used now; free_bytes is 0 then" }),
  asked_only: z.literal(true).optional().meta({
    description: "A CPU on a host with GPUs: used only by loads that name it, unless the pool " +
      "manager's `devices.cpu` is `always`",
  }),
}).meta({ id: "Device" });

/** A device of a pool. */
export type Device = z.output<typeof device>;

/** Where a model is or may be, within a pool. */
const place = identifier.meta({
  description: "A device, or several GPUs that hold a model together: cuda0, cuda0.cuda1",
});

/** Memory on each device. */
const shares = z.record(identifier, bytes);

const splitLoad = z.object({
  layers: z.number().int().min(1).meta({ description: "Of which the output is one" }),
  layer_bytes: bytes.meta({ description: "Memory of all layers, which is divided" }),
  each_bytes: bytes.meta({ description: "Memory on every one of the devices besides" }),
  ratio: z.array(z.number().positive()).min(2).max(16).optional()
    .meta({ description: "Parts on the devices; absent: by their free memory" }),
}).meta({ id: "SplitLoad" });

const fittingLoad = z.object({
  device_bytes: bytes.meta({ description: "Memory on a GPU with none of its layers" }),
  host_bytes: bytes.meta({ description: "Main memory then" }),
}).meta({ id: "FittingLoad" });

export const defaultLoad = z.object({
  context: z.number().int().min(1).meta({ description: "Tokens per slot" }),
  slots: z.number().int().min(1),
  device_bytes: z.partialRecord(deviceKind, bytes).meta({
    description: "Memory that it takes on a device, by the device's kind; measured or estimated",
  }),
  host_bytes: bytes.meta({
    description: "Main memory that it takes besides, if the GPU holds only some of the layers",
  }),
  split: splitLoad.optional().meta({
    description: "How several GPUs would hold it together; absent: only one may",
  }),
  fit: fittingLoad.optional().meta({
    description:
      "A GPU without room for the whole load gets as many layers as fit; absent: all or " +
      "the configured number",
  }),
}).meta({ id: "DefaultLoad" });

/** How a pool loads a model if the load names neither context nor slots. */
export type DefaultLoad = z.output<typeof defaultLoad>;

const loadSplit = z.object({
  mode: z.string().max(16).meta({ description: "layer, row or tensor" }),
  layers: z.array(z.number().int().min(1)).min(2).max(16)
    .meta({ description: "On each of the GPUs" }),
}).meta({ id: "LoadSplit" });

export const engineFigure = z.object({
  device_kind: deviceKind,
  context: z.number().int().min(1).meta({ description: "Tokens per slot" }),
  slots: z.number().int().min(1),
  gpu_layers: z.number().int().min(0).nullable().meta({
    description: "Layers on the device; null: all of them",
  }),
  split: loadSplit.optional().meta({
    description: "How several GPUs divide it; absent: it is on one device",
  }),
  device_bytes: bytes.meta({ description: "On all of its devices together" }),
  device_shares: z.array(bytes).max(16).optional().meta({
    description: "On each of several GPUs",
  }),
  host_bytes: bytes.meta({ description: "Main memory beside that" }),
}).meta({ id: "EngineFigure" });

/** What the engine says that a load takes. */
export type EngineFigure = z.output<typeof engineFigure>;

/** What a model can do, in Ollama's words. */
const modelSkill = z.enum(["completion", "tools", "thinking", "insert", "embedding", "rerank"]);

/** What a model's file says of it, beside the figures of its memory. */
export const modelFacts = z.object({
  modified_at: timestamp,
  parameters: z.number().int().min(0),
  quantization: z.string().max(64).optional().meta({ description: "Such as Q4_K_M" }),
  skills: z.array(modelSkill).meta({
    description: "What it can do, as far as its metadata and template tell",
  }),
}).meta({ id: "ModelFacts" });

/** What a model's file says of it. */
export type ModelFacts = z.output<typeof modelFacts>;

export const elsewhere = z.object({
  host: z.string().max(300).meta({ description: "Host, and port unless it is the usual one" }),
  is_outside: z.boolean().meta({
    description: "Whether that is outside this network, as far as its address or name tells",
  }),
  slots: z.number().int().min(1).max(256),
}).meta({ id: "Elsewhere" });

/** Where prompts for a model go that a server elsewhere serves. */
export type Elsewhere = z.output<typeof elsewhere>;

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
    .meta({ description: "Attention window of layers that have one, in tokens" }),
  window_bytes_per_token: bytes.optional(),
  state_bytes_per_slot: bytes.optional().meta({ description: "State of recurrent layers" }),
  checkpoint_bytes: bytes.optional().meta({
    description: "Most copies of states and windows that prompts go back to, in main memory",
  }),
  kept_bytes: bytes.optional().meta({
    description: "Most copies of what slots held before other prompts took them, in main memory",
  }),
  batch_tokens: z.number().int().min(1).optional()
    .meta({ description: "Tokens computed at once; absent if not configured" }),
  block_count: z.number().int().min(0).optional(),
  cpu_weight_bytes: bytes.optional().meta({
    description: "Part of the weights that its host is configured to keep in main memory",
  }),
  gpu_layers: z.number().int().min(0).optional()
    .meta({ description: "Layers that its host is configured to put on a GPU; absent: all" }),
  measured: z.object({ context: z.number().int(), slots: z.number().int(), memory_bytes: bytes })
    .optional().meta({ description: "Memory that the last load actually took" }),
  default_load: defaultLoad.optional().meta({
    description: "Used if a load names neither context nor slots; absent from older pools",
  }),
  engine_figures: z.array(engineFigure).max(64).optional().meta({
    description: "What llama.cpp says that loads take: those with the defaults, and those in use",
  }),
  estimate_problem: z.string().max(1024).optional().meta({
    description: "Why llama.cpp says nothing of some load, for which a formula is used",
  }),
  facts: modelFacts.optional().meta({
    description: "Absent from older pools, and for models without a file",
  }),
  vision: z.literal(true).optional()
    .meta({ description: "The engine that serves it takes images; absent: none" }),
  audio: z.literal(true).optional()
    .meta({ description: "The engine that serves it takes sound; absent: none" }),
  projector: z.object({ path: z.string(), size_bytes: bytes }).optional().meta({
    description: "The file beside it with which it sees or hears; it is counted in compute_bytes",
  }),
  elsewhere: elsewhere.optional().meta({
    description:
      "A server that runs elsewhere serves it: prompts and answers go there, and it takes " +
      "no memory of this host",
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

/** A file in a models folder that no worker can load. */
export type UnusableModel = z.output<typeof unusableModel>;

export const workerState = z.enum(["starting", "loading", "ready", "draining", "stopping"]);

/** State of a {@linkcode poolWorker}. */
export type WorkerState = z.output<typeof workerState>;

/** What a worker's model can do. */
export const capability = z.enum(["generate", "tokenize", "embed", "rerank"]);

/** What a worker's model can do. */
export type Capability = z.output<typeof capability>;

export const serverLoad = z.object({
  running: z.number().int().min(0),
  waiting: z.number().int().min(0).meta({ description: "Requests in its own queue" }),
}).meta({ id: "ServerLoad" });

/** What a server behind a worker says of its load, other clients' requests included. */
export type ServerLoad = z.output<typeof serverLoad>;

const serverLoadOf = serverLoad.optional().meta({
  description:
    "What the server behind it says of its load, other clients' requests included; absent " +
    "if it says nothing",
});

export const poolWorker = z.object({
  worker_id: identifier,
  request_id: identifier,
  pid: z.number().int().min(1),
  model_ref: modelName,
  fingerprint: sha256,
  device: place,
  uri: z.url().optional().meta({ description: "Absent until the worker listens" }),
  token: z.string().meta({ description: "The worker's bearer token; no other reply has it" }),
  backend: z.string(),
  capabilities: z.array(capability),
  state: workerState,
  context: z.number().int().min(1).meta({ description: "Tokens per slot" }),
  slots: z.number().int().min(1),
  active: z.number().int().min(0).meta({
    description: "Requests that run there; all that its server has, if that says more",
  }),
  server_load: serverLoadOf,
  memory_bytes: bytes,
  shares: shares.optional().meta({
    description: "Its memory on each device, main memory included; absent: all on one device",
  }),
  warning: z.string().max(1_000).optional().meta({
    description: "What an operator should know of its model: chats fail, or are written as ChatML",
  }),
  heir_of: z.array(identifier).max(256).optional().meta({
    description: "Ended workers whose saved slots it was given",
  }),
}).meta({ id: "PoolWorker" });

/** A worker as its pool reports it. */
export type PoolWorker = z.output<typeof poolWorker>;

/** The part of a {@linkcode poolWorker} that changes while it serves. */
export const workerUpdate = z.strictObject({
  worker_id: identifier,
  state: workerState,
  active: z.number().int().min(0),
  server_load: serverLoadOf,
  memory_bytes: bytes,
}).meta({ id: "WorkerUpdate" });

/** The changing part of a {@linkcode PoolWorker}. */
export type WorkerUpdate = z.output<typeof workerUpdate>;

export const workerExit = z.object({
  worker_id: identifier,
  exit_code: z.number().int().nullable(),
  signal: z.string().nullable(),
  category: z.enum(["crash", "oom", "timeout", "stop"]),
  at: timestamp,
  detail: z.string().optional().meta({
    description: "Last line of the worker's log; only if it failed",
  }),
  is_final: z.literal(true).optional().meta({
    description: "It cannot load its model, and neither can any other worker of this pool",
  }),
}).meta({ id: "WorkerExit" });

/** The end of a worker's process; reported again until acknowledged. */
export type WorkerExit = z.output<typeof workerExit>;

/** Body of `POST /v2/pools/register`, and reply to a pool's `GET /v2/state`. */
export const poolState = z.object({
  pool_id: identifier,
  instance_id: identifier.meta({ description: "New at each start of the pool manager" }),
  sequence: z.number().int().min(1).optional().meta({
    description:
      "Rises with each registration and heartbeat of an instance; one that arrives after a later " +
      "one is ignored. Absent from older pools",
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

/** The whole state of a pool. */
export type PoolState = z.output<typeof poolState>;

/**
 * Body of `POST /v2/pools/{id}/heartbeat`. `models` and `unusable` are sent only if their revision
 * has changed; workers that the last reply named as known are sent as {@linkcode workerUpdate}.
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
    description: "How long after their last use prompts and answers may be kept",
  }),
  acknowledged: z.array(identifier)
    .meta({ description: "Ids of workers whose exits need not be reported again" }),
  known: z.array(identifier).default([]).meta({
    description: "Ids of workers that later heartbeats may send as WorkerUpdate",
  }),
}).meta({ id: "HeartbeatReply" });

/** A {@linkcode heartbeatReply}. */
export type HeartbeatReply = z.output<typeof heartbeatReply>;

export const deregister = z.object({ instance_id: identifier }).meta({ id: "Deregister" });

/** Body of `POST /pools/{id}/workers/spawn`. The same `request_id` gives the same worker. */
export const spawnRequest = z.strictObject({
  request_id: identifier,
  model_ref: modelName,
  fingerprint: sha256,
  device: place.optional(),
  context: z.number().int().min(8).max(10_000_000).optional(),
  slots: z.number().int().min(1).max(256).optional(),
  gpu_layers: z.union([z.number().int().min(0).max(10_000), z.literal("fit")]).optional(),
}).meta({ id: "SpawnRequest" });

/** A validated spawn. */
export type SpawnRequest = z.output<typeof spawnRequest>;

export const spawnReply = z.object({ worker_id: identifier }).meta({ id: "SpawnReply" });

/** Body of `POST /workers/ready`, which a worker sends to its pool manager. */
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
    description: "Key of the saved slots that it can restore; absent if it cannot restore any",
  }),
  warning: z.string().max(1_000).optional().meta({
    description: "What an operator should know of its model",
  }),
  engine_pids: z.array(z.number().int().min(1)).max(1024).optional().meta({
    description: "Other processes that hold the model's memory for the worker",
  }),
}).meta({ id: "WorkerReady" });

/** A ready callback. */
export type WorkerReady = z.output<typeof workerReady>;

/** Body of drain and stop requests. */
export const deadlineBody = z.strictObject({ deadline_ms: milliseconds.default(30_000) })
  .meta({ id: "Deadline" });

/** Body of `POST /v2/pools/{id}/reload`. */
export const reloadRequest = z.strictObject({
  from: modelName,
  to: modelName,
  deadline_ms: milliseconds.default(30_000)
    .meta({ description: "How long streams of the old model may go on" }),
}).meta({ id: "Reload" });

/** Reply to `GET /v2/workers/{id}/logs`. */
export const workerLogs = z.object({ lines: z.array(z.string()) }).meta({ id: "WorkerLogs" });

/** An event of `GET /v2/workers/{id}/logs?follow=true`. */
export const workerLogEvent = z.discriminatedUnion("event", [
  z.object({ event: z.literal("line"), data: z.object({ line: z.string() }) }),
  z.object({ event: z.literal("end"), data: z.object({}) }),
]).meta({ id: "WorkerLogEvent" });
