import type { z } from "zod";
import { health } from "#shared/contracts/common.ts";

/** A daemon answers within this time, in milliseconds. */
const HEALTH_TIMEOUT_MS = 5_000;

/** What `GET /health` says. */
export type Health = z.output<typeof health>;

/** Asks for `/health`, which needs no token; undefined when no daemon of ours answers there. */
export async function askHealth(url: string): Promise<Health | undefined> {
  try {
    const response = await fetch(`${url}/health`, {
      signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS),
      redirect: "error",
    });
    return health.parse(await response.json());
  } catch {
    return undefined;
  }
}
