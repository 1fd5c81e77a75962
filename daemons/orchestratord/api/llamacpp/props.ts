import { llamaRoutes as routes, type TemplateReply, workerRoutes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App, Caller } from "#shared/http/app.ts";
import { createClient, TransportError } from "#shared/http/client.ts";
import { VERSION } from "#shared/version.ts";
import { isUsable } from "../../scheduler/workers.ts";
import type { Worker } from "../../scheduler/state.ts";
import type { Orchestrator } from "../../service.ts";
import { askedModel } from "../asked_model.ts";
import { seesPaths } from "../hide_paths.ts";
import { contextOf, type ShownModel, shownModel } from "../shown_models.ts";
import { defaultSettings } from "./settings.ts";

/** A worker tells its template from memory, in ms. */
const TEMPLATE_MS = 2_000;

const NO_TEMPLATE: TemplateReply = { chat_template: "", bos_token: "", eos_token: "" };

/** `/props`: what a model is served with. It is read only, and loads nothing. */
export function mountProps(app: App, orchestrator: Orchestrator): void {
  const { loop } = orchestrator;

  /** Workers that serve a model now. */
  const workersOf = ({ view }: ShownModel) =>
    view.workers.flatMap((id) => loop.state.workers.get(id) ?? [])
      .filter((worker) => isUsable(loop.state, worker));

  app.mount(routes.nativeProps, async ({ query, caller }) => {
    const name = askedModel(orchestrator, query.model ?? "", caller);
    const shown = shownModel(loop, name, caller);
    if (!shown) throw new LlorchError("MODEL_NOT_FOUND", `Cannot find model "${name}"`);
    const workers = workersOf(shown);
    const reports = workers.map(({ report }) => report);
    return {
      default_generation_settings: {
        n_ctx: contextOf(shown, reports),
        params: defaultSettings(),
      },
      total_slots: Math.max(1, reports.reduce((sum, { slots }) => sum + slots, 0)),
      model_alias: name,
      model_path: shown.name,
      modalities: {
        vision: shown.view.vision === true,
        video: false,
        audio: shown.view.audio === true,
      },
      endpoint_slots: false as const,
      endpoint_props: false as const,
      endpoint_metrics: true as const,
      chat_template_caps: {},
      ...(tellsModel(shown, caller) ? await templateOf(workers[0]) : NO_TEMPLATE),
      build_info: `llorch ${VERSION}`,
      is_sleeping: workers.length === 0,
    };
  });

  app.mount(routes.changeProps, () => {
    throw new LlorchError(
      "NOT_IMPLEMENTED",
      "Cannot change what models are served with over the API: the configuration sets it",
    );
  });
}

/** Whether a caller may know which model a name stands for, which its template would tell. */
function tellsModel({ meaning }: ShownModel, caller: Caller | undefined): boolean {
  return !meaning || meaning.showTarget || seesPaths(caller);
}

/** A worker's chat template; empty if it does not tell one now. */
async function templateOf(worker: Worker | undefined): Promise<TemplateReply> {
  const { uri, token } = worker?.report ?? {};
  if (uri === undefined) return NO_TEMPLATE;
  const client = createClient({ baseUrl: uri, token, timeoutMs: TEMPLATE_MS });
  try {
    return await client.call(workerRoutes.template, {});
  } catch (error) {
    if (error instanceof TransportError || error instanceof LlorchError) return NO_TEMPLATE;
    throw error;
  }
}
