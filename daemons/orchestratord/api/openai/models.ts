import { type ModelView, openaiRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import { defined } from "#shared/json.ts";
import { workerViews } from "../../scheduler/views.ts";
import type { Orchestrator } from "../../service.ts";
import {
  capabilitiesOf,
  contextOf,
  type ShownModel,
  shownModel,
  shownModels,
} from "../shown_models.ts";

/** `/v1/models`, in OpenAI's shape, or in Anthropic's for its clients. */
export function mountModelLists(app: App, { loop }: Orchestrator): void {
  app.mount(routes.openaiModels, ({ caller, headers, query }) => {
    const models = shownModels(loop, caller);
    if (headers["anthropic-version"] === undefined) {
      return {
        object: "list" as const,
        data: models.map((shown) => openaiModel(shown.name, shown.view, contextNow(shown))),
      };
    }
    const { data, has_more } = pageOf(
      models.map(({ name, view }) => anthropicModel(name, view)),
      query,
    );
    const [first, last] = [data[0], data.at(-1)];
    return { data, has_more, first_id: first?.id ?? null, last_id: last?.id ?? null };
  });
  app.mount(routes.openaiModel, ({ params: { model: name }, caller, headers }) => {
    const shown = shownModel(loop, name, caller);
    if (headers["anthropic-version"] !== undefined) return anthropicModel(name, shown?.view);
    return openaiModel(name, shown?.view, shown && contextNow(shown));
  });

  function contextNow(shown: ShownModel): number {
    const { workers } = shown.view;
    return contextOf(
      shown,
      workerViews(loop.state).filter(({ worker_id }) => workers.includes(worker_id)),
    );
  }
}

/** A page of a list, after one of its models or before one. */
function pageOf<M extends { readonly id: string }>(
  models: readonly M[],
  { limit = models.length, after_id, before_id }: {
    readonly limit?: number | undefined;
    readonly after_id?: string | undefined;
    readonly before_id?: string | undefined;
  },
): { readonly data: M[]; readonly has_more: boolean } {
  const at = (id: string) => models.findIndex((model) => model.id === id);
  if (before_id !== undefined) {
    const end = Math.max(0, at(before_id));
    const start = Math.max(0, end - limit);
    return { data: models.slice(start, end), has_more: start > 0 };
  }
  const start = after_id === undefined ? 0 : at(after_id) + 1;
  const end = start + limit;
  return { data: models.slice(start, end), has_more: end < models.length };
}

function openaiModel(id: string, view: ModelView | undefined, context: number | undefined) {
  const { facts } = view ?? {};
  return {
    id,
    object: "model" as const,
    created: secondsOf(view),
    owned_by: "llorch",
    ...defined({ max_model_len: context }),
    ...(view
      ? {
        meta: {
          ...defined({ n_ctx: context, n_params: facts?.parameters || undefined }),
          n_ctx_train: view.context_length,
          size: view.size_bytes,
        },
        capabilities: capabilitiesOf(view),
        loaded: view.loaded,
      }
      : {}),
  };
}

function anthropicModel(id: string, view: ModelView | undefined) {
  const created_at = new Date(secondsOf(view) * 1000).toISOString();
  return { type: "model" as const, id, display_name: id, created_at };
}

/** When a model's file was changed, in seconds since the epoch; an engine's own model has no file. */
function secondsOf(view: ModelView | undefined): number {
  return Math.floor(Date.parse(view?.facts?.modified_at ?? "1970-01-01T00:00:00Z") / 1000);
}
