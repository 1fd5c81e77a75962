import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { ClusterViews } from "../cluster/views.ts";

/** `/v2/cluster`: the orchestrators on this database. */
export function mountCluster(app: App, cluster: ClusterViews): void {
  app.mount(routes.cluster, () => cluster.view());
}
