import type { z } from "zod";
import type { health } from "#shared/contracts/common.ts";
import { orchestratorRoutes } from "#shared/contracts/orchestrator_routes.ts";
import type { Client } from "#shared/http/client.ts";
import { UnreachableError } from "./failure.ts";

/** Timeout of a health request, in milliseconds. */
const HEALTH_TIMEOUT_MS = 5_000;

/** Reply of `GET /health`. */
export type Health = z.output<typeof health>;

/**
 * Asks for `/health`, which every daemon has.
 *
 * @returns undefined when nothing answers, `foreign` when a program answers that is not of llorch
 */
export async function askHealth(client: Client): Promise<Health | "foreign" | undefined> {
  try {
    return await client.call(orchestratorRoutes.health, {}, { timeoutMs: HEALTH_TIMEOUT_MS });
  } catch (error) {
    return error instanceof UnreachableError && !error.isForeign ? undefined : "foreign";
  }
}

/** Whether a reply to {@linkcode askHealth} is that of a daemon, by the name of its executable. */
export function isOf(health: Health | "foreign" | undefined, component: string): health is Health {
  return typeof health === "object" && health.component === component;
}
