import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import { Keys } from "../access/api_keys.ts";
import type { Orchestrator } from "../service.ts";

/** `/v2/keys`: API keys, for operators. */
export function mountKeys(app: App, { store, clock, jobs, metrics }: Orchestrator): void {
  const keys = new Keys(store, clock);
  app.mount(routes.listKeys, async () => ({ keys: await keys.list() }));
  app.mount(routes.createKey, async ({ body, log }) => {
    const created = await keys.create(body);
    // A key that was given out must still work after a power cut.
    await store.sync();
    const { key_id, name, role } = created;
    log.info("key_created", { key_id, name, role });
    return Response.json(created, { headers: { "cache-control": "no-store" } });
  });
  app.mount(routes.revokeKey, async ({ params, log }) => {
    const { key, erased } = await keys.revoke(params.id);
    jobs.cancelOf(params.id, "The API key was revoked");
    await store.sync();
    metrics.responsesRemoved.inc({ reason: "revoked" }, erased.responses);
    log.info("key_revoked", { key_id: key.key_id, name: key.name, ...erased });
    return key;
  });
}
