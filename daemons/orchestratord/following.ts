import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { type App, createApp } from "#shared/http/app.ts";
import type { Logger } from "#shared/logging.ts";
import { appLimits } from "#shared/config/common.ts";
import type { Access } from "./access/access.ts";
import { mountCluster } from "./api/cluster.ts";
import { mountCommon } from "./api/common.ts";
import { meantPath } from "./api/paths.ts";
import type { ClusterViews } from "./cluster/views.ts";
import type { Config } from "./config.ts";
import type { OrchestratorMetrics } from "./metrics.ts";

/** Dependencies of {@linkcode openFollowing}. */
export interface FollowingDeps {
  readonly config: Config;
  readonly log: Logger;
  readonly access: Access;
  readonly metrics: OrchestratorMetrics;
  readonly cluster: ClusterViews;
  /** Why no work can be taken; undefined if it can. */
  readonly notReadyReason: () => string | undefined;
}

/** What an orchestrator answers itself, whether it leads or not. Everything else is the leader's. */
export function openFollowing({ log, access, metrics, ...deps }: FollowingDeps): App {
  const app = createApp({
    title: "orchestratord",
    log,
    authorize: (request, route) => access.authorize(request, route),
    mayRead: (request) => access.mayRead(request),
    limits: appLimits(deps.config.limits),
    meantPath,
    onReply: metrics.http.onReply,
  });
  mountCommon(app, { ...deps, metrics });
  mountCluster(app, deps.cluster);
  return app;
}

/** Paths that every orchestrator answers itself. */
export const OWN_PATHS: ReadonlySet<string> = new Set(
  [routes.health, routes.ready, routes.metrics, routes.cluster].map(({ path }) => path),
);
