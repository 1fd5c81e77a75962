import { z } from "zod";
import { identifier, milliseconds, sha256, timestamp } from "./common.ts";
import { errorData, stopReason } from "./events.ts";
import { device, unusableModel, workerState } from "./pool.ts";
import { modelName } from "./request.ts";

/** Life of a job. */
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

/** Reply to `POST /v2/tasks`: the job is on disk. */
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
  suspect: z.boolean().optional().meta({
    description: "Its worker hung or died, and of all that ran there this attempt, which had " +
      "delivered nothing, is the likeliest cause; taken back when the job delivers",
  }),
}).meta({ id: "Attempt" });

/** One try of a job on one worker. */
export type Attempt = z.output<typeof attempt>;

export const usage = z.object({
  tokens_in: z.number().int().min(0),
  tokens_cached: z.number().int().min(0),
  tokens_out: z.number().int().min(0),
}).meta({
  id: "Usage",
  description: "Tokens of an ended job; of one that was cancelled or failed, what is known: " +
    "what was read of its prompt, and 0 for tokens_cached",
});

export const jobView = z.object({
  job_id: identifier,
  status: jobStatus,
  model: modelName,
  priority,
  created_at: timestamp,
  started_at: timestamp.optional(),
  first_token_at: timestamp.optional(),
  ended_at: timestamp.optional(),
  attempts: z.array(attempt),
  output: z.string().optional(),
  usage: usage.optional(),
  stop_reason: stopReason.optional().meta({
    description: "Why it came to its end, if it completed",
  }),
  error: errorData.optional(),
}).meta({ id: "Job" });

/** A job as `GET /v2/tasks/{id}` tells it. */
export type JobView = z.output<typeof jobView>;

export const jobPage = z.object({
  tasks: z.array(jobView.omit({ output: true })),
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
  active: z.number().int().meta({ description: "Jobs that run there now" }),
  context: z.number().int(),
  memory_bytes: z.number().int(),
  pinned: z.boolean(),
  ready_at: timestamp.optional().meta({ description: "When orchestratord first saw it ready" }),
}).meta({ id: "Worker" });

/** A worker as clients see it: never its token. */
export type WorkerView = z.output<typeof workerView>;

/** What a load of a model on a device would come to. */
export const modelFit = z.object({
  pool_id: identifier,
  device: identifier,
  fits: z.enum(["loaded", "now", "evicting", "later", "never"]).meta({
    description:
      "evicting: once idle workers have gone; later: once busy workers have, or another " +
      "program; never: it is too large, or cannot be started",
  }),
  needed_bytes: z.number().int(),
  free_bytes: z.number().int(),
  reason: z.string().optional().meta({ description: "Why it does not fit now" }),
}).meta({ id: "ModelFit" });

/** What a load of a model on a device would come to. */
export type ModelFit = z.output<typeof modelFit>;

export const modelView = z.object({
  model_ref: modelName,
  aliases: z.array(modelName),
  fingerprint: sha256,
  architecture: z.string(),
  context_length: z.number().int(),
  size_bytes: z.number().int(),
  estimated_bytes: z.number().int()
    .meta({ description: "Memory a load with the pool's default settings would need" }),
  pools: z.array(identifier),
  loaded: z.boolean(),
  loading: z.boolean().meta({ description: "A worker is about to hold it, or is to be tried" }),
  pinned: z.boolean().meta({ description: "Its workers, where pinned, are never evicted" }),
  workers: z.array(identifier),
  load_error: z.string().optional()
    .meta({ description: "Why the latest try to load it failed, until one succeeds" }),
  ambiguous_aliases: z.array(z.string())
    .meta({ description: "Aliases that another model claims too: they resolve to neither" }),
  fit: z.array(modelFit).optional().meta({ description: "With ?fit=true" }),
}).meta({ id: "Model" });

export const unusableModelView = unusableModel.omit({ path: true }).extend({
  pool_id: identifier,
  path: z.string().optional().meta({ description: "For operators only" }),
}).meta({ id: "UnusableModelView" });

/** A file of a pool that no worker could load. */
export type UnusableModelView = z.output<typeof unusableModelView>;

/** A model that some pool has. */
export type ModelView = z.output<typeof modelView>;

export const poolView = z.object({
  pool_id: identifier,
  endpoint: z.string(),
  version: z.string(),
  status: z.enum(["available", "unavailable", "draining", "drained"])
    .meta({ description: "drained: taken out of service, and the last worker has gone" }),
  last_seen_at: timestamp,
  devices: z.array(device),
  workers: z.array(identifier),
  models: z.number().int(),
  reload: z.object({
    from: modelName,
    to: modelName,
    stage: z.enum(["loading", "retiring", "done", "failed"]),
    error: z.string().optional(),
  }).optional().meta({ description: "The latest reload, since orchestratord was started" }),
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
    position: z.number().int(),
    waiting_ms: milliseconds,
    reason: z.string().meta({ description: "Why it waits" }),
  })),
  running: z.array(z.object({
    job_id: identifier,
    model: modelName,
    priority,
    durable: z.boolean().meta({
      description: "Kept, as jobs of /v2/tasks are; calls of /v1 are not",
    }),
    attempt: z.number().int().min(1),
    worker_id: identifier,
    pool_id: identifier,
    running_ms: milliseconds.meta({ description: "Since this attempt began" }),
    tokens_out: z.number().int().min(0),
  })),
}).meta({ id: "Queue" });

/** What waits, and what runs. */
export type QueueView = z.output<typeof queueView>;
