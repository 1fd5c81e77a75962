import { z } from "zod";
import { defineRoute } from "../route.ts";
import { openaiDialect } from "./dialect.ts";
import { expirySeconds, pageFields } from "./files.ts";

/** Most entries of `metadata`, as at OpenAI. */
const MAX_METADATA = 16;

/** Paths that the lines of a batch may call. */
export const batchEndpoint = z.enum([
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/embeddings",
  "/v1/responses",
]);

/** A path that the lines of a batch may call. */
export type BatchEndpoint = z.output<typeof batchEndpoint>;

const metadata = z.record(z.string().max(64), z.string().max(512));

/** Body of `POST /v1/batches`. */
export const batchRequest = z.looseObject({
  input_file_id: z.string().min(1).max(256),
  endpoint: batchEndpoint,
  completion_window: z.literal("24h"),
  metadata: metadata.nullish(),
  output_expires_after: z.object({ anchor: z.literal("created_at"), seconds: expirySeconds })
    .nullish(),
}).refine(({ metadata }) => Object.keys(metadata ?? {}).length <= MAX_METADATA, {
  error: `must have at most ${MAX_METADATA} entries`,
  path: ["metadata"],
}).meta({ id: "BatchRequest" });

/** Where a batch stands. */
export const batchStatus = z.enum([
  "validating",
  "failed",
  "in_progress",
  "finalizing",
  "completed",
  "expired",
  "cancelling",
  "cancelled",
]);

const count = z.number().int().min(0);
const seconds = z.number().int().nullable().meta({ description: "Seconds since the epoch" });

export const batchObject = z.object({
  id: z.string(),
  object: z.literal("batch"),
  endpoint: z.string(),
  errors: z.object({
    object: z.literal("list"),
    data: z.array(z.object({
      code: z.string(),
      message: z.string(),
      param: z.string().nullable(),
      line: z.number().int().nullable(),
    })),
  }).nullable().meta({ description: "Why it failed as a whole" }),
  input_file_id: z.string(),
  completion_window: z.string(),
  status: batchStatus,
  output_file_id: z.string().nullable(),
  error_file_id: z.string().nullable(),
  created_at: z.number().int(),
  in_progress_at: seconds,
  expires_at: seconds,
  finalizing_at: seconds,
  completed_at: seconds,
  failed_at: seconds,
  expired_at: seconds,
  cancelling_at: seconds,
  cancelled_at: seconds,
  request_counts: z.object({ total: count, completed: count, failed: count })
    .meta({ description: "At the end, failed has the lines that were given up too" }),
  metadata: metadata.nullable(),
}).meta({ id: "Batch" });

/** A batch as clients see it. */
export type BatchObject = z.output<typeof batchObject>;

const byId = z.object({ id: z.string().min(1).max(256) });
const openai = { tag: "openai", dialect: openaiDialect, role: "client", status: 200 } as const;

/** OpenAI's batches: files of requests that are answered when there is room. */
export const batchRoutes = {
  createBatch: defineRoute({
    method: "POST",
    path: "/v1/batches",
    summary: "Answer the requests of a file when there is room",
    ...openai,
    anyContentType: true,
    body: batchRequest,
    reply: batchObject,
    kind: "json",
    errors: ["NOT_FOUND", "NOT_READY"],
  }),
  listBatches: defineRoute({
    method: "GET",
    path: "/v1/batches",
    summary: "List batches, newest first",
    ...openai,
    query: z.object({
      limit: z.coerce.number().int().min(1).max(100).default(20),
      after: z.string().max(256).optional().meta({ description: "Id of the last batch seen" }),
    }),
    reply: z.object({ ...pageFields, data: z.array(batchObject) }).meta({ id: "BatchList" }),
    kind: "json",
    errors: ["NOT_FOUND"],
  }),
  cancelBatch: defineRoute({
    method: "POST",
    path: "/v1/batches/{id}/cancel",
    summary: "Cancel a batch: what has ended by then is in its files",
    ...openai,
    params: byId,
    reply: batchObject,
    kind: "json",
    errors: ["NOT_FOUND", "CONFLICT"],
  }),
  getBatch: defineRoute({
    method: "GET",
    path: "/v1/batches/{id}",
    summary: "Get a batch",
    ...openai,
    params: byId,
    reply: batchObject,
    kind: "json",
    errors: ["NOT_FOUND"],
  }),
};
