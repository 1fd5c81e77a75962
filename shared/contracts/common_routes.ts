import { z } from "zod";
import { ready } from "./common.ts";
import { defineRoute, type Role } from "./route.ts";

/**
 * The four routes that every daemon has.
 *
 * @param tag The daemon, as OpenAPI groups it.
 * @param role Who may call them; `GET /health` is open to all.
 * @param healthSchema Reply of `GET /health`.
 */
export function commonRoutes<const T extends string, const A extends Role, H extends z.ZodType>(
  tag: T,
  role: A,
  healthSchema: H,
) {
  const get = { method: "GET", tag, status: 200, errors: [] } as const;
  return {
    health: defineRoute({
      ...get,
      path: "/health",
      summary: "The process is alive",
      role: "none",
      reply: healthSchema,
      kind: "json",
    }),
    ready: defineRoute({
      ...get,
      path: "/ready",
      summary: "Can take work; otherwise 503 with the reason",
      role,
      reply: ready,
      kind: "json",
      errors: ["NOT_READY"],
    }),
    metrics: defineRoute({
      ...get,
      path: "/metrics",
      summary: "Prometheus metrics",
      role,
      kind: "text",
    }),
    openapi: defineRoute({
      ...get,
      path: "/openapi.json",
      summary: "This API",
      role,
      reply: z.record(z.string(), z.unknown()),
      kind: "json",
    }),
  };
}
