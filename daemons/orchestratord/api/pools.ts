import { ACCEPTED, orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../orchestrator.ts";

/** What pool managers call. */
export function mountPools(app: App, { pools }: Orchestrator): void {
  app.mount(routes.registerPool, ({ body, caller }) => pools.register(body, caller?.keyId));
  app.mount(routes.heartbeat, ({ params, body }) => pools.heartbeat(params.id, body));
  app.mount(routes.deregisterPool, async ({ params, body }) => {
    await pools.deregister(params.id, body.instance_id);
    return ACCEPTED;
  });
}
