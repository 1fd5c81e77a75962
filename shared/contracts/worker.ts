import { z } from "zod";
import { chatShape } from "./chat_fields.ts";
import { accepted, bytes, health, identifier, modelName, sha256, tokenId } from "./common.ts";
import { commonRoutes } from "./common_routes.ts";
import { workerEvent } from "./events.ts";
import { capability, serverLoad } from "./pool.ts";
import { EXACT_FIELDS, executeRequest, requestShape, sender } from "./request.ts";
import { defineRoute } from "./route.ts";
import { tool } from "./tools.ts";

/** Reply to a worker's `GET /health`, from cached state, so that load cannot delay it. */
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
    description: "CPU threads that compute; measured with --threads auto. Absent while the model " +
      "loads, and if another program computes",
  }),
  active: z.number().int().min(0).meta({ description: "Slots in use" }),
  waiting: z.number().int().min(0).meta({ description: "Accepted requests without a slot" }),
  server_load: serverLoad.optional().meta({
    description: "What the server behind it says of its load, other clients' requests included",
  }),
  memory_bytes: bytes,
}).meta({ id: "WorkerHealth" });

/** Health of a worker. */
export type WorkerHealth = z.output<typeof workerHealth>;

/**
 * The line of JSON that a standby worker reads from stdin. It then continues as if it had been
 * started with these arguments and environment variables.
 */
export const standbyOrders = z.strictObject({
  args: z.array(z.string()),
  env: z.record(z.string(), z.string()),
});

/** Orders of a standby worker. */
export type StandbyOrders = z.output<typeof standbyOrders>;

/** What `llorch-candled --estimate` writes. */
export const loadMemory = z.object({
  device_bytes: bytes.meta({
    description: "Most memory of the load on its devices; on the CPU, of the whole process",
  }),
  device_shares: z.array(bytes).max(16).optional().meta({
    description: "The part of it on each of several GPUs; absent: there is one device",
  }),
  host_bytes: bytes.meta({ description: "Main memory beside that; 0 on the CPU" }),
  parts: z.record(z.string(), bytes).meta({
    description: "What the bytes are for; together at least both figures",
  }),
});

/** What a load takes, as the engine says. */
export type LoadMemory = z.output<typeof loadMemory>;

export const cancelRequest = z.object({
  job_id: identifier,
  attempt: z.number().int().min(1),
  sender: sender.optional(),
}).meta({ id: "CancelRequest" });

/** A validated cancel. */
export type CancelRequest = z.output<typeof cancelRequest>;

export const tokenizeRequest = z.strictObject({
  prompt: z.string().optional(),
  messages: requestShape.messages,
  tools: z.array(tool).optional(),
  suffix: requestShape.suffix,
  context_files: requestShape.context_files,
  special: requestShape.special,
  reasoning_effort: chatShape.reasoning_effort,
  chat_template_kwargs: chatShape.chat_template_kwargs,
  continue_final_message: chatShape.continue_final_message,
  add_special: z.boolean().optional().meta({
    description: "false: a prompt gets no begin token. Default: true; a chat has its template's",
  }),
  with_pieces: z.boolean().optional().meta({ description: "true: the reply has pieces" }),
  beyond_context: z.boolean().optional()
    .meta({
      description:
        "true: a text that the context cannot hold is tokenized, too, up to 32768 tokens",
    }),
}).refine(
  (body) => (body.prompt === undefined) !== (body.messages === undefined),
  { message: "exactly one of prompt and messages is needed", path: ["prompt"] },
).meta({ id: "TokenizeRequest" });

/** The text of a token, or its bytes if it is a part of a character. */
export const tokenPiece = z.union([z.string(), z.array(z.number().int().min(0).max(255))]);

/** The text of a token, or its bytes if it is a part of a character. */
export type TokenPiece = z.output<typeof tokenPiece>;

/** What stands for a token of an image among a prompt's tokens. */
export const MEDIA_TOKEN = -1;

export const tokenizeReply = z.object({
  tokens: z.array(tokenId.or(z.literal(MEDIA_TOKEN)))
    .meta({ description: "-1 is a token of an image, which no text has" }),
  count: z.number().int().min(0),
  pieces: z.array(tokenPiece).optional()
    .meta({ description: "One for each token; only with with_pieces" }),
}).meta({ id: "TokenizeReply" });

/** Most tokens of one call that turns them into text: more than any context holds. */
const MAX_TOKENS = 262_144;

export const detokenizeRequest = z.strictObject({
  tokens: z.array(tokenId).max(MAX_TOKENS),
}).meta({ id: "DetokenizeRequest" });

export const detokenizeReply = z.object({
  text: z.string().meta({ description: "With the text of control tokens" }),
}).meta({ id: "DetokenizeReply" });

export const renderRequest = z.strictObject({
  messages: requestShape.messages.unwrap(),
  tools: z.array(tool).optional(),
  reasoning_effort: chatShape.reasoning_effort,
  chat_template_kwargs: chatShape.chat_template_kwargs,
  continue_final_message: chatShape.continue_final_message,
}).meta({ id: "RenderRequest" });

export const renderReply = z.object({ prompt: z.string() }).meta({ id: "RenderReply" });

/** What a model's file says of its chats; empty where it says nothing. */
export const templateReply = z.object({
  chat_template: z.string(),
  bos_token: z.string(),
  eos_token: z.string(),
}).meta({ id: "TemplateReply" });

/** What a model's file says of its chats. */
export type TemplateReply = z.output<typeof templateReply>;

const embedInput = z.union([z.string().min(1), z.array(tokenId).min(1)]);

export const embedRequest = z.strictObject({
  input: z.array(embedInput).min(1).max(2048),
}).meta({ id: "EmbedRequest" });

export const embedReply = z.object({
  embeddings: z.array(z.string()).meta({
    description: "A vector of length 1 for each input: 32-bit little-endian floats in base64",
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
    description: "A file in the saved slots folder that the worker was started with",
  }),
}).meta({ id: "SlotFile" });

export const savedSlot = z.object({
  tokens: z.number().int().min(0).meta({
    description: "0: there was nothing to save, and no file was written",
  }),
  bytes,
  key: sha256.meta({ description: "A worker with the same key can restore it" }),
}).meta({ id: "SavedSlot" });

/** Result of saving a slot. */
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
    images: true,
    exact: EXACT_FIELDS,
    status: 200,
    kind: "stream",
    event: workerEvent,
    errors: ["CONTEXT_LENGTH_EXCEEDED", "CONFLICT", "STALE_TERM", "QUEUE_FULL", "NOT_READY"],
  }),
  cancel: defineRoute({
    method: "POST",
    path: "/cancel",
    summary: "Cancel an attempt of a job; does nothing for older attempts and unknown jobs",
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
    exact: EXACT_FIELDS,
    status: 200,
    reply: tokenizeReply,
    kind: "json",
    errors: ["CONTEXT_LENGTH_EXCEEDED", "NOT_READY"],
  }),
  detokenize: defineRoute({
    method: "POST",
    path: "/detokenize",
    summary: "Turn token ids into text",
    tag,
    role: "worker",
    body: detokenizeRequest,
    status: 200,
    reply: detokenizeReply,
    kind: "json",
    errors: ["NOT_READY"],
  }),
  render: defineRoute({
    method: "POST",
    path: "/render",
    summary: "Turn a chat into the text of its prompt",
    tag,
    role: "worker",
    body: renderRequest,
    exact: EXACT_FIELDS,
    status: 200,
    reply: renderReply,
    kind: "json",
    errors: ["CONTEXT_LENGTH_EXCEEDED", "NOT_READY"],
  }),
  template: defineRoute({
    method: "GET",
    path: "/template",
    summary: "Get the model's chat template",
    tag,
    role: "worker",
    status: 200,
    reply: templateReply,
    kind: "json",
    errors: ["NOT_READY"],
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
    summary: "Save the evaluated tokens of an idle slot to a new file",
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
    summary: "Restore an idle slot from a file saved by a worker of the same model and settings",
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
    summary: "Refuse new work, let running work end within the stop deadline, then exit",
    tag,
    role: "worker",
    status: 202,
    reply: accepted,
    kind: "json",
    errors: [],
  }),
  ...commonRoutes(tag, "worker", workerHealth),
};
