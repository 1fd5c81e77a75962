import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { serve } from "../dialect/serve.ts";
import { checkModelName, isFile, seesPaths } from "../hide_paths.ts";
import { chat } from "./chat.ts";
import { completions } from "./completions.ts";
import { mountVectors } from "./vectors.ts";

/** `/v1/…`: OpenAI's API. */
export function mountOpenAi(app: App, orchestrator: Orchestrator): void {
  const { loop } = orchestrator;

  app.mount(routes.openaiModels, ({ caller }) => ({
    object: "list" as const,
    data: [...loop.names()].filter(([name, models]) =>
      models.size === 1 && (seesPaths(caller) || !isFile(name))
    )
      .map(([name]) => modelObject(name))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  }));
  app.mount(routes.openaiModel, ({ params, caller }) => {
    checkModelName(caller, params.model);
    loop.resolve(params.model);
    return modelObject(params.model);
  });

  serve(app, orchestrator, chat);
  serve(app, orchestrator, completions);
  mountVectors(app, orchestrator);
}

function modelObject(id: string) {
  return { id, object: "model" as const, created: 0, owned_by: "llorch" };
}
