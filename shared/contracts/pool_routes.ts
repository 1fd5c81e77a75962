import { z } from "zod";
import { accepted, health, identifier } from "./common.ts";
import { commonRoutes } from "./common_routes.ts";
import {
  deadlineBody,
  poolState,
  spawnReply,
  spawnRequest,
  workerLogEvent,
  workerLogs,
  workerReady,
} from "./pool.ts";
import { defineRoute } from "./route.ts";

const tag = "pool-managerd";
const byId = z.object({ id: identifier });

/** Every route of pool-managerd. */
export const poolRoutes = {
  spawn: defineRoute({
    method: "POST",
    path: "/pools/{id}/workers/spawn",
    summary: "Start a worker; the same request_id gives the same worker",
    tag,
    role: "pool",
    params: byId,
    body: spawnRequest,
    status: 202,
    reply: spawnReply,
    kind: "json",
    errors: [
      "MODEL_NOT_FOUND",
      "NOT_FOUND",
      "INSUFFICIENT_MEMORY",
      "WORKER_START_FAILED",
      "POOL_UNAVAILABLE",
      "NOT_READY",
    ],
  }),
  workerReady: defineRoute({
    method: "POST",
    path: "/workers/ready",
    summary: "Report that a worker listens and has loaded its model; needs its spawn token",
    tag,
    role: "none",
    body: workerReady,
    status: 202,
    reply: accepted,
    kind: "json",
    errors: ["NOT_FOUND", "FORBIDDEN", "CONFLICT", "NOT_READY"],
  }),
  drainWorker: defineRoute({
    method: "POST",
    path: "/v2/workers/{id}/drain",
    summary: "Refuse new work, let streams end within the deadline, then stop",
    tag,
    role: "pool",
    params: byId,
    body: deadlineBody,
    status: 202,
    reply: accepted,
    kind: "json",
    errors: ["NOT_FOUND"],
  }),
  stopWorker: defineRoute({
    method: "POST",
    path: "/v2/workers/{id}/stop",
    summary: "Stop a worker: SIGTERM, then SIGKILL after the deadline",
    tag,
    role: "pool",
    params: byId,
    body: deadlineBody,
    status: 202,
    reply: accepted,
    kind: "json",
    errors: ["NOT_FOUND"],
  }),
  state: defineRoute({
    method: "GET",
    path: "/v2/state",
    summary: "Get the pool's whole state, as in a registration",
    tag,
    role: "pool",
    status: 200,
    reply: poolState,
    kind: "json",
    errors: [],
  }),
  workerLogs: defineRoute({
    method: "GET",
    path: "/v2/workers/{id}/logs",
    summary: "Get the last log lines of a worker, running or ended; with follow, also new ones",
    tag,
    role: "pool",
    params: byId,
    query: z.object({ follow: z.enum(["true", "false"]).default("false") }),
    status: 200,
    reply: workerLogs,
    kind: "maybe-stream",
    event: workerLogEvent,
    errors: ["NOT_FOUND"],
  }),
  ...commonRoutes(tag, "pool", health),
};
