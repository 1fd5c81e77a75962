import type { PoolView } from "#shared/contracts/job.ts";
import { orchestratorRoutes as routes } from "#shared/contracts/orchestrator_routes.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";

/** The command that lists pools. */
export const POOLS_LIST = "llorch orchestrator pools list";

/** Interval between requests, in milliseconds. */
const POLL_MS = 100;

/**
 * Waits until a condition holds for a pool.
 *
 * @returns the pool as it is then; undefined when it is no longer known
 * @throws {LlorchError} `TIMEOUT`
 */
export async function untilPool(
  client: Client,
  id: string,
  isSo: (pool: PoolView) => boolean,
  options: {
    readonly timeoutMs: number;
    readonly waitsFor: string;
    readonly signal: AbortSignal;
  },
): Promise<PoolView | undefined> {
  const { timeoutMs, waitsFor, signal } = options;
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    const { pools } = await client.call(routes.pools, {}, { signal });
    const pool = pools.find(({ pool_id }) => pool_id === id);
    if (!pool || isSo(pool)) return pool;
    await delay(POLL_MS, signal);
  }
  throw new LlorchError(
    "TIMEOUT",
    `Waited ${timeoutMs / 1000} s for ${waitsFor}; ${POOLS_LIST} shows the current state`,
  );
}
