import { ACCEPTED, orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../service.ts";

/** `/v2/pools/…`: calls of pool managers, and what operators do with pools. */
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
  app.mount(routes.drainPool, async ({ params, body }) => {
    await pools.drain(params.id, body.deadline_ms);
    return ACCEPTED;
  });
  app.mount(routes.undrainPool, async ({ params }) => {
    await pools.undrain(params.id);
    return ACCEPTED;
  });
  app.mount(routes.reloadPool, ({ params, body }) => {
    pools.reload(params.id, body);
    return ACCEPTED;
  });
}
