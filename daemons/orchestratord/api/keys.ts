import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import { Keys } from "../access/api_keys.ts";
import type { Store } from "../store/job_store.ts";
import type { Clock } from "#shared/clock.ts";

/** `/v2/keys`: API keys, for operators. */
export function mountKeys(app: App, store: Store, clock: Clock): void {
  const keys = new Keys(store.keys, clock);
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
    const revoked = await keys.revoke(params.id);
    await store.sync();
    log.info("key_revoked", { key_id: revoked.key_id, name: revoked.name });
    return revoked;
  });
}
