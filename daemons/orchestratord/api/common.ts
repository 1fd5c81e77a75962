import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App } from "#shared/http/app.ts";
import { defined } from "#shared/json.ts";
import { VERSION } from "#shared/version.ts";
import type { Orchestrator } from "../service.ts";

/** The parts of orchestratord that these routes use. */
type Parts = Pick<Orchestrator, "config" | "metrics" | "cluster" | "notReadyReason">;

/** `/health`, `/ready`, `/metrics`, `/openapi.json`. */
export function mountCommon(app: App, orchestrator: Parts): void {
  const started = performance.now();
  app.mount(routes.health, () => ({
    status: "ok" as const,
    component: "orchestratord",
    version: VERSION,
    uptime_seconds: (performance.now() - started) / 1000,
  }));
  app.mount(routes.ready, () => {
    const reason = orchestrator.notReadyReason();
    if (reason !== undefined) throw new LlorchError("NOT_READY", reason, { retryAfterMs: 1000 });
    return { status: "ready" as const, ...defined({ leader: orchestrator.cluster.leaderUrl }) };
  });
  app.mount(routes.metrics, () => orchestrator.metrics.http.render());
  app.mount(routes.openapi, async () => {
    const { base_path } = orchestrator.config;
    const document = await app.openapi();
    return base_path === "" ? document : { ...document, servers: [{ url: base_path }] };
  });
}
