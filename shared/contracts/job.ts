import { z } from "zod";
import { identifier, milliseconds, modelName, sha256, timestamp } from "./common.ts";
import { errorData, stopReason } from "./events.ts";
import { device, elsewhere, modelFacts, serverLoad, unusableModel, workerState } from "./pool.ts";
import { toolCall } from "./tools.ts";

/** States of a job, from submission to its end. */
export const jobStatus = z.enum([
  "queued",
  "dispatched",
  "running",
  "completed",
  "failed",
  "cancelled",
]);

/** Status of a job. */
export type JobStatus = z.output<typeof jobStatus>;

export const priority = z.enum(["interactive", "batch"]);

/** Class of a job in the queue. */
export type Priority = z.output<typeof priority>;

/** Reply to `POST /v2/tasks`, sent once the job is on disk. */
export const taskAccepted = z.object({
  job_id: identifier,
  status: jobStatus,
  queue_position: z.number().int().min(0),
  predicted_start_ms: milliseconds,
  seed: z.number().int().min(0),
  events_url: z.string(),
}).meta({ id: "TaskAccepted" });

/** Reply to `POST /v2/tasks`. */
export type TaskAccepted = z.output<typeof taskAccepted>;

export const attempt = z.object({
  worker_id: identifier,
  pool_id: identifier,
  started_at: timestamp,
  ended_at: timestamp.optional(),
  reason: z.string().optional().meta({ description: "Why the attempt did not end the job" }),
  yielded: z.literal(true).optional().meta({
    description: "The job gave its slot to others, and continued later: nothing failed",
  }),
  suspect: z.boolean().optional().meta({
    description: "The worker hung or died, and this attempt, which had delivered nothing, is the " +
      "likeliest cause of all that ran there; removed when the job delivers a token",
  }),
}).meta({ id: "Attempt" });

/** One try of a job on one worker. */
export type Attempt = z.output<typeof attempt>;

export const usage = z.object({
  tokens_in: z.number().int().min(0),
  tokens_cached: z.number().int().min(0),
  tokens_out: z.number().int().min(0),
  reasoning_tokens: z.number().int().min(0).optional()
    .meta({ description: "Tokens of thinking, which tokens_out counts too" }),
}).meta({
  id: "Usage",
  description: "Tokens of an ended job. For a cancelled or failed job, tokens_in is the part of " +
    "the prompt that was read, and tokens_cached is 0",
});

/** Whose job it is. */
const owner = z.string().optional()
  .meta({ description: "Name of the API key that it came with; absent if it came without one" });

export const jobView = z.object({
  job_id: identifier,
  status: jobStatus,
  model: modelName,
  priority,
  owner,
  created_at: timestamp,
  started_at: timestamp.optional(),
  first_token_at: timestamp.optional(),
  ended_at: timestamp.optional(),
  attempts: z.array(attempt),
  output: z.string().optional().meta({
    description: "The answer's text, without thoughts and calls, as far as it was delivered",
  }),
  reasoning: z.string().optional().meta({ description: "The model's thinking" }),
  tool_calls: z.array(toolCall).optional().meta({
    description: "The answer's calls; unless the job is completed, the last one may be cut",
  }),
  validated: z.boolean().optional().meta({
    description: "Whether the finished answer satisfies its schemas, if that was checked",
  }),
  usage: usage.optional(),
  stop_reason: stopReason.optional().meta({
    description: "Why generation ended; only of a completed job",
  }),
  error: errorData.optional(),
}).meta({ id: "Job" });

/** A job in the reply to `GET /v2/tasks/{id}`. */
export type JobView = z.output<typeof jobView>;

export const jobPage = z.object({
  tasks: z.array(
    jobView.omit({ output: true, reasoning: true, tool_calls: true, validated: true }),
  ),
  next_cursor: z.string().optional(),
}).meta({ id: "JobPage" });

export const workerView = z.object({
  worker_id: identifier,
  pid: z.number().int(),
  pool_id: identifier,
  model_ref: modelName,
  device: identifier,
  state: workerState,
  slots: z.number().int(),
  active: z.number().int().meta({ description: "Jobs that run on it now" }),
  server_load: serverLoad.optional().meta({
    description:
      "What the server behind it says of its load, other clients' requests included; absent " +
      "if it says nothing",
  }),
  context: z.number().int(),
  memory_bytes: z.number().int(),
  shares: z.record(identifier, z.number().int()).optional().meta({
    description: "Its memory on each device, main memory included; absent: all on one device",
  }),
  pinned: z.boolean(),
  ready_at: timestamp.optional().meta({ description: "When orchestratord first saw it ready" }),
}).meta({ id: "Worker" });

/** A worker as clients see it, without its token. */
export type WorkerView = z.output<typeof workerView>;

/** Whether a model fits on a device. */
export const modelFit = z.object({
  pool_id: identifier,
  device: identifier,
  fits: z.enum(["loaded", "now", "evicting", "later", "never"]).meta({
    description:
      "loaded: it is there already; now: it fits at once; evicting: after idle workers " +
      "are stopped; later: after busy workers end, or another program frees memory; never: it " +
      "is too large, or cannot be started",
  }),
  needed_bytes: z.number().int(),
  free_bytes: z.number().int(),
  reason: z.string().optional().meta({ description: "Why it does not fit now" }),
}).meta({ id: "ModelFit" });

/** Whether a model fits on a device. */
export type ModelFit = z.output<typeof modelFit>;

export const failedLoad = z.object({
  pool_id: identifier,
  failures: z.number().int().min(1).meta({ description: "In a row" }),
  error: z.string(),
  retry_at: timestamp.meta({
    description: "It is not tried before then; if that has passed, a job or an operator tries it",
  }),
}).meta({ id: "FailedLoad" });

/** A pool where a model could not be loaded. */
export type FailedLoad = z.output<typeof failedLoad>;

export const modelView = z.object({
  model_ref: modelName,
  aliases: z.array(modelName),
  fingerprint: sha256,
  architecture: z.string(),
  context_length: z.number().int(),
  default_context: z.number().int().optional().meta({
    description: "Tokens that a request may have after a load with the pool's default settings, " +
      "on every pool; absent if no pool says",
  }),
  size_bytes: z.number().int(),
  facts: modelFacts.optional(),
  vision: z.literal(true).optional().meta({ description: "It takes images, on every pool" }),
  audio: z.literal(true).optional().meta({ description: "It takes sound, on every pool" }),
  elsewhere: z.array(elsewhere.omit({ slots: true })).optional().meta({
    description:
      "Servers of other machines that serve it: prompts for it may go there. Absent: it is " +
      "computed by the pools alone",
  }),
  estimated_bytes: z.number().int()
    .meta({ description: "Memory that a load with the pool's default settings would need" }),
  estimated_by: z.enum(["engine", "formula"]).optional().meta({
    description: "Whether llama.cpp itself says that, or a formula; absent: a load was measured",
  }),
  pools: z.array(identifier),
  loaded: z.boolean(),
  loading: z.boolean().meta({ description: "A worker is loading it or will be started for it" }),
  pinned: z.boolean().meta({ description: "It is pinned: workers where it is are never evicted" }),
  workers: z.array(identifier),
  load_error: z.string().optional()
    .meta({ description: "Why the last attempt to load it failed; absent once a load succeeds" }),
  failed_loads: z.array(failedLoad).optional().meta({
    description: "Pools where the last attempt to load it failed; absent if there are none",
  }),
  warning: z.string().optional().meta({
    description: "What a worker says of it: its chat template fails, or it has none",
  }),
  ambiguous_aliases: z.array(z.string())
    .meta({ description: "Aliases that another model has too, and that therefore name neither" }),
  fit: z.array(modelFit).optional().meta({
    description: "One for each place: a device, or several GPUs together; only with ?fit=true",
  }),
}).meta({ id: "Model" });

export const unusableModelView = unusableModel.omit({ path: true }).extend({
  pool_id: identifier,
  path: z.string().optional().meta({ description: "Only for operators" }),
}).meta({ id: "UnusableModelView" });

/** A file in a pool's models folder that no worker can load. */
export type UnusableModelView = z.output<typeof unusableModelView>;

/** A model that some pool has. */
export type ModelView = z.output<typeof modelView>;

export const poolView = z.object({
  pool_id: identifier,
  endpoint: z.string(),
  version: z.string(),
  status: z.enum(["available", "unavailable", "draining", "drained"])
    .meta({ description: "drained: taken out of service, and its last worker has ended" }),
  last_seen_at: timestamp,
  devices: z.array(device),
  workers: z.array(identifier),
  models: z.number().int(),
  reload: z.object({
    from: modelName,
    to: modelName,
    stage: z.enum(["loading", "retiring", "done", "failed"]),
    error: z.string().optional(),
  }).optional().meta({ description: "The last reload since orchestratord was started" }),
}).meta({ id: "Pool" });

/** A pool as clients see it. */
export type PoolView = z.output<typeof poolView>;

export const queueView = z.object({
  capacity: z.number().int(),
  depth: z.number().int(),
  by_priority: z.object({ interactive: z.number().int(), batch: z.number().int() }),
  by_model: z.array(z.object({ model: modelName, waiting: z.number().int() })),
  jobs: z.array(z.object({
    job_id: identifier,
    model: modelName,
    priority,
    owner,
    position: z.number().int(),
    waiting_ms: milliseconds,
    predicted_start_ms: milliseconds.optional().meta({
      description: "When it should start, from now; only of the first 100 jobs",
    }),
    reason: z.string().meta({ description: "Why it waits" }),
  })),
  running: z.array(z.object({
    job_id: identifier,
    model: modelName,
    priority,
    owner,
    durable: z.boolean().meta({
      description: "Stored on disk, as jobs of /v2/tasks are; calls of /v1 are not",
    }),
    attempt: z.number().int().min(1),
    worker_id: identifier,
    pool_id: identifier,
    running_ms: milliseconds.meta({ description: "Since this attempt began" }),
    tokens_out: z.number().int().min(0),
    tokens_per_second: z.number().min(0).optional().meta({
      description: "Of this attempt, from its first token; absent before its second",
    }),
  })),
}).meta({ id: "Queue" });

/** Waiting and running jobs. */
export type QueueView = z.output<typeof queueView>;
