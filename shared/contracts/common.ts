import { z } from "zod";
import { ERROR_CODES, type ErrorCode } from "../errors.ts";

/** A point in time on the wire: ISO 8601 in UTC. */
export const timestamp = z.iso.datetime().meta({ description: "ISO 8601, UTC" });

/** An identifier made by llorch or chosen by an operator: safe in paths, logs and metrics. */
export const identifier = z.string().regex(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
  "must be 1 to 128 letters, digits, dots, dashes or underscores",
);

/** A whole number of milliseconds, 0 or more. */
export const milliseconds = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** A whole number of bytes. */
export const bytes = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** A token id of a model's vocabulary. */
export const tokenId = z.number().int().min(0).max(0x7fffffff);

/** SHA-256 in lower-case hexadecimal. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits");

const codes = Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]];

/** The code of an error, from the closed table. */
export const errorCode = z.enum(codes);

/** The body of every error reply outside `/v1`. */
export const errorBody = z.object({
  error: z.object({
    code: errorCode,
    message: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
    retriable: z.boolean(),
    retry_after_ms: milliseconds.optional(),
    correlation_id: z.string(),
  }),
}).meta({ id: "Error" });

/** Body of {@linkcode errorBody}. */
export type ErrorBody = z.output<typeof errorBody>;

/** `GET /health`: the process is alive. */
export const health = z.object({
  status: z.literal("ok"),
  component: z.string(),
  version: z.string(),
  uptime_seconds: z.number().min(0),
}).meta({ id: "Health" });

/** Reply to `GET /ready` when the process can take work; otherwise it is 503 with the reasons. */
export const ready = z.object({
  status: z.literal("ready"),
  leader: z.string().optional().meta({
    description: "URL of the orchestrator that leads, of several on one database",
  }),
}).meta({ id: "Ready" });

/** A reply that says only that the request was accepted. */
export const accepted = z.object({ status: z.literal("accepted") }).meta({ id: "Accepted" });

/** The only value of {@linkcode accepted}. */
export const ACCEPTED = { status: "accepted" } as const;

/** Value of the `Idempotency-Key` header: submissions with the same key make only one job. */
export const idempotencyKey = z.string().regex(
  /^[\x21-\x7e]{1,255}$/,
  "must be 1 to 255 printable characters without spaces",
);

/** Headers of routes that generate: an answer with a key is stored, and given again for the same request. */
export const idempotent = z.object({ "idempotency-key": idempotencyKey.optional() });

/** Longest name of a model, in characters. */
export const MODEL_REF_LIMIT = 1024;

/** How a client names a model; shared/models/reference.ts reads it. */
export const modelName = z.string().min(1).max(MODEL_REF_LIMIT)
  .meta({ description: "Alias, catalog id, file name without its ending, hf:… or file:…" });
