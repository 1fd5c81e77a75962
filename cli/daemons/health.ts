import type { z } from "zod";
import type { health } from "#shared/contracts/common.ts";
import { orchestratorRoutes } from "#shared/contracts/orchestrator_routes.ts";
import type { Client } from "#shared/http/client.ts";

/** A daemon answers within this time, in milliseconds. */
const HEALTH_TIMEOUT_MS = 5_000;

/** What `GET /health` says. */
export type Health = z.output<typeof health>;

/** Asks for `/health`, which every daemon has; undefined when none of ours answers there. */
export async function askHealth(client: Client): Promise<Health | undefined> {
  try {
    return await client.call(orchestratorRoutes.health, {}, { timeoutMs: HEALTH_TIMEOUT_MS });
  } catch {
    return undefined;
  }
}
