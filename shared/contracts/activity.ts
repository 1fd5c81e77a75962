import { z } from "zod";
import { identifier, timestamp } from "./common.ts";
import { poolView, workerView } from "./job.ts";
import { modelName } from "./request.ts";

/** What is told of the service, kept for a while and resumable. */
export const activityKind = z.enum([
  "started",
  "pool_seen",
  "pool_lost",
  "pool_left",
  "spawn",
  "spawn_failed",
  "ready",
  "evict",
  "stop",
  "exit",
  "failover",
  "job_failed",
  "request_unsafe",
  "drain",
  "undrain",
  "reload",
  "load",
  "unload",
  "pin",
  "unpin",
  "gap",
]);

/** Kind of an {@linkcode activityData}. */
export type ActivityKind = z.output<typeof activityKind>;

/** One thing that happened, and why. */
export const activityData = z.strictObject({
  at: timestamp,
  message: z.string().meta({ description: "What happened and why, in plain words" }),
  pool_id: identifier.optional(),
  worker_id: identifier.optional(),
  device: identifier.optional(),
  model: modelName.optional(),
  job_id: identifier.optional(),
  reason: z.string().optional().meta({ description: "The reason alone" }),
}).meta({ id: "Activity" });

/** One thing that happened. */
export type ActivityData = z.output<typeof activityData>;

/** Something that happened, with its kind. */
export interface Activity extends Omit<ActivityData, "at"> {
  readonly kind: ActivityKind;
}

const count = z.number().int().min(0);

/** How much is going on, over the last second. */
export const ratesData = z.strictObject({
  at: timestamp,
  tokens_per_second: z.number().min(0),
  ttft_ms: z.number().min(0).nullable().meta({
    description: "From acceptance to the first token, mean of the jobs that began to answer; " +
      "null: none did",
  }),
  queue_depth: count,
  queue_capacity: count,
  running: count,
  accepted: count.meta({ description: "Jobs since the start" }),
  ended: count.meta({ description: "Jobs since the start" }),
  failovers: count.meta({ description: "Since the start" }),
}).meta({ id: "Rates" });

/** How much is going on. */
export type RatesData = z.output<typeof ratesData>;

/** Pools and workers, whole. */
export const fleetData = z.strictObject({
  pools: z.array(poolView),
  workers: z.array(workerView),
}).meta({ id: "Fleet" });

/** Pools and workers. */
export type FleetData = z.output<typeof fleetData>;

const column = z.array(z.number().nullable());

/** The last hour in columns of the same length, oldest first. */
export const historyData = z.strictObject({
  interval_ms: count.meta({ description: "What one point stands for" }),
  at: z.array(z.number()).meta({ description: "End of each point, ms since the epoch" }),
  tokens_per_second: column,
  ttft_ms: column,
  queue_depth: column,
  running: column,
  failovers: column,
}).meta({ id: "History" });

/** The last hour. */
export type HistoryData = z.output<typeof historyData>;

const activityEvents = activityKind.options.map((kind) =>
  z.strictObject({ event: z.literal(kind), data: activityData })
);

/**
 * An event of `GET /v2/events`: what happened carries an id and is kept for a while; `history` comes
 * once at the beginning, `fleet` when it changed, `rates` every second.
 */
export const serviceEvent = z.discriminatedUnion("event", [
  z.strictObject({ event: z.literal("rates"), data: ratesData }),
  z.strictObject({ event: z.literal("fleet"), data: fleetData }),
  z.strictObject({ event: z.literal("history"), data: historyData }),
  ...activityEvents,
]).meta({ id: "ServiceEvent" });

/** An event of `GET /v2/events`. */
export type ServiceEvent = z.output<typeof serviceEvent>;
