import type { PoolState } from "#shared/contracts/pool.ts";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App } from "#shared/http/app.ts";
import { VERSION } from "#shared/version.ts";

/** Dependencies of {@linkcode mountStateRoutes}. */
export interface StateSource {
  readonly state: () => Promise<PoolState>;
  /** Why the pool manager cannot take work; undefined if it can. */
  readonly notReady: () => string | undefined;
}

/** Adds the read-only routes: state, health and readiness. */
export function mountStateRoutes(app: App, source: StateSource): void {
  const started = performance.now();
  app.mount(poolRoutes.state, () => source.state());
  app.mount(poolRoutes.health, () => ({
    status: "ok" as const,
    component: "pool-managerd",
    version: VERSION,
    uptime_seconds: (performance.now() - started) / 1000,
  }));
  app.mount(poolRoutes.ready, () => {
    const reason = source.notReady();
    if (reason === undefined) return { status: "ready" as const };
    throw new LlorchError("NOT_READY", reason, { retryAfterMs: 1_000 });
  });
}
