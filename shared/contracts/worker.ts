import { z } from "zod";
import { accepted, bytes, health, identifier, sha256, tokenId } from "./common.ts";
import { commonRoutes } from "./common_routes.ts";
import { workerEvent } from "./events.ts";
import { capability } from "./pool.ts";
import { executeRequest, message, modelName } from "./request.ts";
import { defineRoute } from "./route.ts";
import { tool } from "./tools.ts";

/** `GET /health` of a worker, answered from cached state whatever the load. */
export const workerHealth = health.extend({
  worker_id: identifier,
  pid: z.number().int().min(1),
  model_ref: modelName,
  fingerprint: sha256.optional().meta({ description: "Absent while the model loads" }),
  state: z.enum(["loading", "ready", "draining"]),
  load_progress: z.number().min(0).max(1),
  backend: z.string(),
  capabilities: z.array(capability),
  context: z.number().int().min(0).meta({ description: "Tokens per slot" }),
  slots: z.number().int().min(0),
  threads: z.number().int().min(1).optional().meta({
    description: "CPU threads that compute, measured with --threads auto; absent while the model " +
      "loads, and where another program decides",
  }),
  active: z.number().int().min(0).meta({ description: "Slots in use" }),
  waiting: z.number().int().min(0).meta({ description: "Accepted, no slot yet" }),
  memory_bytes: bytes,
}).meta({ id: "WorkerHealth" });

/** Health of a worker. */
export type WorkerHealth = z.output<typeof workerHealth>;

/** First word of the command line of a worker that prepares and waits for its orders on stdin. */
export const STANDBY = "standby";

/** A line of JSON on the stdin of such a worker: it goes on as if it had been started like this. */
export const standbyOrders = z.strictObject({
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
});

/** Orders of a worker that stands by. */
export type StandbyOrders = z.output<typeof standbyOrders>;

export const cancelRequest = z.strictObject({
  job_id: identifier,
  attempt: z.number().int().min(1),
}).meta({ id: "CancelRequest" });

export const tokenizeRequest = z.strictObject({
  prompt: z.string().optional(),
  messages: z.array(message).min(1).optional(),
  tools: z.array(tool).optional(),
}).refine(
  (body) => (body.prompt === undefined) !== (body.messages === undefined),
  { message: "exactly one of prompt and messages is needed", path: ["prompt"] },
).meta({ id: "TokenizeRequest" });

export const tokenizeReply = z.object({
  tokens: z.array(tokenId),
  count: z.number().int().min(0),
}).meta({ id: "TokenizeReply" });

const embedInput = z.union([z.string().min(1), z.array(tokenId).min(1)]);

export const embedRequest = z.strictObject({
  input: z.array(embedInput).min(1).max(2048),
}).meta({ id: "EmbedRequest" });

export const embedReply = z.object({
  embeddings: z.array(z.string()).meta({
    description: "One for each input: 32-bit floats of length 1 together, little-endian, base64",
  }),
  tokens: z.number().int().min(0).meta({ description: "Of all inputs" }),
}).meta({ id: "EmbedReply" });

export const rerankRequest = z.strictObject({
  query: z.string().min(1),
  documents: z.array(z.string()).min(1).max(1000),
}).meta({ id: "RerankRequest" });

export const rerankReply = z.object({
  scores: z.array(z.number()).meta({ description: "0 to 1, one for each document" }),
  tokens: z.number().int().min(0).meta({ description: "Of all pairs" }),
}).meta({ id: "RerankReply" });

/** Number of a slot, from 0. */
const bySlot = z.object({ n: z.coerce.number().int().min(0).max(255) });

export const slotFile = z.strictObject({
  path: z.string().min(1).max(4096).meta({
    description: "File in the folder that the worker was started with",
  }),
}).meta({ id: "SlotFile" });

export const savedSlot = z.object({
  tokens: z.number().int().min(0).meta({
    description: "0: there was nothing to save, and no file",
  }),
  bytes,
  key: sha256.meta({ description: "A worker with the same key can restore it" }),
}).meta({ id: "SavedSlot" });

/** What became of a slot that was to be saved. */
export type SavedSlot = z.output<typeof savedSlot>;

export const restoredSlot = z.object({ tokens: z.number().int().min(0) })
  .meta({ id: "RestoredSlot" });

const tag = "worker";

/** Every route of llorch-candled. */
export const workerRoutes = {
  execute: defineRoute({
    method: "POST",
    path: "/execute",
    summary: "Generate tokens for one attempt of a job, as a stream of events",
    tag,
    role: "worker",
    body: executeRequest,
    status: 200,
    kind: "stream",
    event: workerEvent,
    errors: ["CONTEXT_LENGTH_EXCEEDED", "CONFLICT", "QUEUE_FULL", "NOT_READY"],
  }),
  cancel: defineRoute({
    method: "POST",
    path: "/cancel",
    summary: "Cancel one attempt; older attempts and unknown jobs change nothing",
    tag,
    role: "worker",
    body: cancelRequest,
    status: 202,
    reply: accepted,
    kind: "json",
    errors: [],
  }),
  tokenize: defineRoute({
    method: "POST",
    path: "/tokenize",
    summary: "Turn a prompt or a chat into token ids",
    tag,
    role: "worker",
    body: tokenizeRequest,
    status: 200,
    reply: tokenizeReply,
    kind: "json",
    errors: ["CONTEXT_LENGTH_EXCEEDED", "NOT_READY"],
  }),
  embed: defineRoute({
    method: "POST",
    path: "/embed",
    summary: "Turn texts into vectors",
    tag,
    role: "worker",
    body: embedRequest,
    status: 200,
    reply: embedReply,
    kind: "json",
    errors: ["CONTEXT_LENGTH_EXCEEDED", "QUEUE_FULL", "NOT_READY", "CANCELLED"],
  }),
  rerank: defineRoute({
    method: "POST",
    path: "/rerank",
    summary: "Score documents by how well they answer a query",
    tag,
    role: "worker",
    body: rerankRequest,
    status: 200,
    reply: rerankReply,
    kind: "json",
    errors: ["CONTEXT_LENGTH_EXCEEDED", "QUEUE_FULL", "NOT_READY", "CANCELLED"],
  }),
  saveSlot: defineRoute({
    method: "POST",
    path: "/slots/{n}/save",
    summary: "Write what an idle slot holds evaluated to a new file",
    tag,
    role: "worker",
    params: bySlot,
    body: slotFile,
    status: 200,
    reply: savedSlot,
    kind: "json",
    errors: ["NOT_FOUND", "CONFLICT", "NOT_READY"],
  }),
  restoreSlot: defineRoute({
    method: "POST",
    path: "/slots/{n}/restore",
    summary: "Read a file that a worker of the same model and settings has saved into an idle slot",
    tag,
    role: "worker",
    params: bySlot,
    body: slotFile,
    status: 200,
    reply: restoredSlot,
    kind: "json",
    errors: ["NOT_FOUND", "CONFLICT", "NOT_READY"],
  }),
  shutdown: defineRoute({
    method: "POST",
    path: "/shutdown",
    summary: "Refuse new work, let what runs end within the stop deadline, then exit",
    tag,
    role: "worker",
    status: 202,
    reply: accepted,
    kind: "json",
    errors: [],
  }),
  ...commonRoutes(tag, "worker", workerHealth),
};
