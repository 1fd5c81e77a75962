import { ACCEPTED, orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../orchestrator.ts";

/** What pool managers call. */
export function mountPools(app: App, { pools }: Orchestrator): void {
  app.mount(routes.registerPool, ({ body, caller }) => pools.register(body, caller?.keyId));
  app.mount(
    routes.heartbeat,
    ({ params, body, caller }) => pools.heartbeat(params.id, body, caller?.keyId),
  );
  app.mount(routes.deregisterPool, async ({ params, body, caller }) => {
    await pools.deregister(params.id, body.instance_id, caller?.keyId);
    return ACCEPTED;
  });
}
