import { z } from "zod";
import { identifier, timestamp } from "./common.ts";

/** What an API key lets its holder do; an operator may do what a client may. */
export const keyRole = z.enum(["client", "operator", "pool"]);

/** Role of an API key. */
export type KeyRole = z.output<typeof keyRole>;

const bound = z.number().int().min(1).max(1_000_000_000_000);

/** Bounds of one API key; a bound that is absent is the configured one, or none. */
export const keyLimits = z.strictObject({
  requests_per_minute: bound.optional(),
  concurrent_jobs: bound.optional().meta({ description: "Jobs that wait or run" }),
  tokens_per_day: bound.optional().meta({
    description: "Prompt and output tokens of one day (UTC); what already runs may exceed it",
  }),
  unsafe_requests_per_hour: bound.optional().meta({
    description: "Requests that ended with REQUEST_UNSAFE within an hour; then all are refused",
  }),
}).meta({ id: "KeyLimits" });

/** Bounds of an API key. */
export type KeyLimits = z.output<typeof keyLimits>;

/** A name that people give to a key: it is shown in lists, so it holds no control characters. */
export const keyName = z.string().trim().min(1).max(100).regex(
  /^[^\p{C}\p{Zl}\p{Zp}]+$/u,
  "must be 1 to 100 printable characters",
);

/** `POST /v2/keys`. */
export const newKey = z.strictObject({
  name: keyName,
  role: keyRole.default("client"),
  expires_at: timestamp.optional(),
  limits: keyLimits.prefault({}),
}).meta({ id: "NewKey" });

/** A key that is asked for. */
export type NewKey = z.output<typeof newKey>;

const keyFields = {
  key_id: identifier,
  name: z.string(),
  role: keyRole,
  status: z.enum(["active", "expired", "revoked"]),
  created_at: timestamp,
  expires_at: timestamp.optional(),
  revoked_at: timestamp.optional(),
  last_used_at: timestamp.optional().meta({ description: "To within ten minutes" }),
  limits: keyLimits,
  tokens_today: z.number().int().min(0),
};

/** An API key as it is listed, never with its secret. */
export const keyView = z.strictObject(keyFields).meta({ id: "Key" });

/** A listed API key. */
export type KeyView = z.output<typeof keyView>;

/** The one reply that shows the secret. */
export const createdKey = z.strictObject({
  ...keyFields,
  secret: z.string().meta({ description: "Sent as a bearer token; shown this once" }),
}).meta({ id: "CreatedKey" });

/** A key that was just made. */
export type CreatedKey = z.output<typeof createdKey>;

/** `GET /v2/keys`, newest first. */
export const keyList = z.strictObject({ keys: z.array(keyView) }).meta({ id: "Keys" });
