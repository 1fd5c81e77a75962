import { z } from "zod";
import { identifier, modelName, timestamp } from "./common.ts";
import { poolView, workerView } from "./job.ts";

/** Kinds of the resumable events of `GET /v2/events`. */
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
  "yield",
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

/** Kind of an {@linkcode Activity}. */
export type ActivityKind = z.output<typeof activityKind>;

/** Data of an event of one of {@linkcode activityKind}: what happened, and why. */
export const activityData = z.object({
  at: timestamp,
  message: z.string().meta({ description: "What happened and why, for people to read" }),
  pool_id: identifier.optional(),
  worker_id: identifier.optional(),
  device: identifier.optional(),
  model: modelName.optional(),
  job_id: identifier.optional(),
  reason: z.string().optional().meta({ description: "Only the reason, without what happened" }),
}).meta({ id: "Activity" });

/** Data of {@linkcode activityData}. */
export type ActivityData = z.output<typeof activityData>;

/** Something that happened, with its kind, before it gets its time. */
export interface Activity extends Omit<ActivityData, "at"> {
  readonly kind: ActivityKind;
}

const count = z.number().int().min(0);

/** Load and throughput of the service over the last second. */
export const ratesData = z.object({
  at: timestamp,
  tokens_per_second: z.number().min(0),
  ttft_ms: z.number().min(0).nullable().meta({
    description:
      "Mean time from acceptance to the first token, of the jobs that sent their first " +
      "token in this second; null if there were none",
  }),
  queue_depth: count,
  queue_capacity: count,
  running: count,
  accepted: count.meta({ description: "Jobs accepted since orchestratord was started" }),
  ended: count.meta({ description: "Jobs ended since orchestratord was started" }),
  failovers: count.meta({ description: "Failovers since orchestratord was started" }),
}).meta({ id: "Rates" });

/** Data of the `rates` event. */
export type RatesData = z.output<typeof ratesData>;

/** All pools and workers. */
export const fleetData = z.object({
  pools: z.array(poolView),
  workers: z.array(workerView),
}).meta({ id: "Fleet" });

/** Data of the `fleet` event. */
export type FleetData = z.output<typeof fleetData>;

const column = z.array(z.number().nullable());

/** The last hour as columns of the same length, oldest point first. */
export const historyData = z.object({
  interval_ms: count.meta({ description: "Length of time that each point covers" }),
  at: z.array(z.number()).meta({ description: "End of each point, ms since the epoch" }),
  tokens_per_second: column,
  ttft_ms: column,
  queue_depth: column,
  running: column,
  failovers: column,
}).meta({ id: "History" });

/** Data of the `history` event. */
export type HistoryData = z.output<typeof historyData>;

const activityEvents = activityKind.options.map((kind) =>
  z.object({ event: z.literal(kind), data: activityData })
);

/**
 * An event of `GET /v2/events`. Events of an {@linkcode activityKind} have an id and are kept for a
 * while. `history` is sent once at the beginning, `fleet` when it has changed, `rates` each second.
 */
export const serviceEvent = z.discriminatedUnion("event", [
  z.object({ event: z.literal("rates"), data: ratesData }),
  z.object({ event: z.literal("fleet"), data: fleetData }),
  z.object({ event: z.literal("history"), data: historyData }),
  ...activityEvents,
]).meta({ id: "ServiceEvent" });

/** An event of `GET /v2/events`. */
export type ServiceEvent = z.output<typeof serviceEvent>;
