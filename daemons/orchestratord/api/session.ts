import { ACCEPTED, orchestratorRoutes as routes, type SessionView } from "#shared/contracts/mod.ts";
import type { App, Caller } from "#shared/http/app.ts";
import { defined } from "#shared/json.ts";
import { sessionCookie, sessionSecretOf } from "../access/browser.ts";
import type { Orchestrator } from "../service.ts";

/** `/v2/session`: who is calling; signs browsers in and out. */
export function mountSession(app: App, { access, config }: Orchestrator): void {
  const view = (caller: Caller | undefined): SessionView => ({
    role: caller?.role === "client" ? "client" : "operator",
    ...defined({ name: caller?.name }),
    is_open: access.isOpen,
  });
  const reply = (body: unknown, cookie: string) =>
    Response.json(body, { headers: { "set-cookie": cookie, "cache-control": "no-store" } });

  app.mount(routes.session, ({ caller }) => view(caller));
  app.mount(routes.signIn, async ({ body, request }) => {
    const { caller, secret } = await access.signIn(body.key);
    return reply(view(caller), sessionCookie(request, secret, config.base_path));
  });
  app.mount(routes.signOut, async ({ request }) => {
    const secret = sessionSecretOf(request);
    if (secret !== undefined) await access.signOut(secret);
    return reply(ACCEPTED, sessionCookie(request, undefined, config.base_path));
  });
}
