import { responsesRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import type { ResponseKeeper } from "./keeper.ts";
import { respond } from "./respond.ts";
import { mountStoredResponses } from "./stored_routes.ts";

/** `/v1/responses…`: OpenAI's newer API. */
export function mountResponses(app: App, orchestrator: Orchestrator, keeper: ResponseKeeper): void {
  app.mount(routes.respond, (call) => respond(orchestrator, keeper, call));
  mountStoredResponses(app, orchestrator, keeper);
}
