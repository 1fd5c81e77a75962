import { z } from "zod";
import { identifier, timestamp } from "./common.ts";

/** What the holder of an API key may do; an operator may also do what a client may. */
export const keyRole = z.enum(["client", "operator", "pool"]);

/** Role of an API key. */
export type KeyRole = z.output<typeof keyRole>;

const bound = z.number().int().min(1).max(1_000_000_000_000);

/** Limits of one API key; for an absent limit the configured one applies, if there is one. */
export const keyLimits = z.strictObject({
  requests_per_minute: bound.optional(),
  concurrent_jobs: bound.optional().meta({ description: "Jobs that wait or run" }),
  tokens_per_day: bound.optional().meta({
    description: "Prompt and output tokens per UTC day; running jobs may exceed it",
  }),
  unsafe_requests_per_hour: bound.optional().meta({
    description: "Requests that may end with REQUEST_UNSAFE within an hour before all requests " +
      "are refused",
  }),
}).meta({ id: "KeyLimits" });

/** Limits of an API key. */
export type KeyLimits = z.output<typeof keyLimits>;

/** Name of a key. It is shown in lists, so it must not have control characters. */
export const keyName = z.string().trim().min(1).max(100).regex(
  /^[^\p{C}\p{Zl}\p{Zp}]+$/u,
  "must be 1 to 100 printable characters",
);

/** Body of `POST /v2/keys`. */
export const newKey = z.strictObject({
  name: keyName,
  role: keyRole.default("client"),
  expires_at: timestamp.optional(),
  limits: keyLimits.prefault({}),
}).meta({ id: "NewKey" });

/** A key to be made. */
export type NewKey = z.output<typeof newKey>;

const keyFields = {
  key_id: identifier,
  name: z.string(),
  role: keyRole,
  status: z.enum(["active", "expired", "revoked"]),
  created_at: timestamp,
  expires_at: timestamp.optional(),
  revoked_at: timestamp.optional(),
  last_used_at: timestamp.optional().meta({ description: "Accurate to ten minutes" }),
  limits: z.object(keyLimits.shape).meta({ id: "KeyLimitsView" }),
  tokens_today: z.number().int().min(0),
};

/** An API key in a list, without its secret. */
export const keyView = z.object(keyFields).meta({ id: "Key" });

/** A listed API key. */
export type KeyView = z.output<typeof keyView>;

/** Reply to `POST /v2/keys`, the only one with the secret. */
export const createdKey = z.object({
  ...keyFields,
  secret: z.string().meta({ description: "To be sent as a bearer token; shown only here" }),
}).meta({ id: "CreatedKey" });

/** A key that was just made. */
export type CreatedKey = z.output<typeof createdKey>;

/** Reply to `GET /v2/keys`, newest key first. */
export const keyList = z.object({ keys: z.array(keyView) }).meta({ id: "Keys" });
