import { type ModelView, ollamaRoutes as routes } from "#shared/contracts/mod.ts";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import type { App, Caller } from "#shared/http/app.ts";
import { expectedEnd } from "../../scheduler/residency.ts";
import { workerViews } from "../../scheduler/views.ts";
import type { Orchestrator } from "../../service.ts";
import {
  capabilitiesOf,
  contextOf,
  type ShownModel,
  shownModel,
  shownModels,
} from "../shown_models.ts";
import { lineWriter } from "./answer.ts";

/**
 * The version of Ollama whose API is served, as far as it is. Clients ask for a minimum: Codex for 0.13.4,
 * since which Ollama has `/v1/responses`; 0.14 has `/v1/messages`, too.
 */
const API_VERSION = "0.14.0";

/** When a model that stays loaded would end, as Ollama says "never". */
const NEVER = "2318-01-01T00:00:00.000Z";

/** Models in Ollama's shape. */
export function mountOllamaModels(app: App, orchestrator: Orchestrator): void {
  const { clock, loop } = orchestrator;

  const shownOf = (name: string, caller: Caller | undefined): ShownModel => {
    const shown = shownModel(loop, name, caller);
    if (shown) return shown;
    throw new LlorchError("MODEL_NOT_FOUND", `Cannot find model "${name}"`);
  };

  const expiresAt = (workerId: string): string => {
    const worker = loop.state.workers.get(workerId);
    const now = clock.steady();
    const leftMs = worker ? expectedEnd(loop.state, worker, now) - now : 0;
    return new Date(Math.min(clock.now() + leftMs, Date.parse(NEVER))).toISOString();
  };

  app.mount(routes.ollamaVersion, () => ({ version: API_VERSION }));
  app.mount(routes.ollamaTags, ({ caller }) => ({
    models: shownModels(loop, caller).map(({ name, view }) => ({
      ...entryOf(name, view),
      modified_at: changedAt(view),
    })),
  }));
  app.mount(routes.ollamaRunning, ({ caller }) => {
    const workers = workerViews(loop.state);
    return {
      models: shownModels(loop, caller).filter(({ meaning }) => !meaning).flatMap((
        { name, view },
      ) =>
        workers.filter(({ worker_id }) => view.workers.includes(worker_id)).map((worker) => ({
          ...entryOf(name, view),
          expires_at: expiresAt(worker.worker_id),
          size_vram: worker.device === "cpu" ? 0 : worker.memory_bytes,
          context_length: worker.context,
        }))
      ),
    };
  });
  app.mount(routes.ollamaShow, ({ body, caller }) => {
    const shown = shownOf(nameIn(body), caller);
    const { view } = shown;
    const workers = workerViews(loop.state)
      .filter(({ worker_id }) => view.workers.includes(worker_id));
    return {
      modelfile: "",
      parameters: "",
      template: "",
      details: detailsOf(view),
      model_info: {
        "general.architecture": familyOf(view),
        ...(view.facts?.parameters ? { "general.parameter_count": view.facts.parameters } : {}),
        [`${familyOf(view)}.context_length`]: contextOf(shown, workers),
      },
      capabilities: capabilitiesOf(view),
      modified_at: changedAt(view),
    };
  });
  app.mount(routes.ollamaPull, ({ body, caller }) => {
    shownOf(nameIn(body), caller);
    const lines = ["pulling manifest", "success"].map((status) => ({ status }));
    if (body.stream === false) return lines[1]!;
    return new Response(new Uint8Array(lineWriter.frame(lines)), {
      headers: { "content-type": lineWriter.format.contentType },
    });
  });
  for (
    const [route, remedy] of [
      [
        routes.ollamaCopy,
        'for another name, add [names.NAME] with target = "MODEL" to orchestratord\'s configuration',
      ],
      [routes.ollamaCreate, "put its file into a models folder of a host"],
      [routes.ollamaPush, "copy its file"],
      [routes.ollamaDelete, 'run "llorch models delete" on its host'],
    ] as const
  ) {
    app.mount(route, () => {
      throw new LlorchError(
        "NOT_IMPLEMENTED",
        `Cannot change files of models over the API: ${remedy}`,
      );
    });
  }
}

function nameIn({ model, name }: { model?: string | undefined; name?: string | undefined }) {
  const given = model ?? name;
  if (given !== undefined) return given;
  throw invalidRequest([{ field: "model", message: "is needed" }]);
}

/** Ollama's lists have names with a tag: Open WebUI adds it to what it asks for, and looks it up there. */
const tagged = (name: string) => name.includes(":") ? name : `${name}:latest`;

function entryOf(name: string, view: ModelView) {
  return {
    name: tagged(name),
    model: tagged(name),
    size: view.size_bytes,
    digest: view.fingerprint,
    details: detailsOf(view),
  };
}

/** A model's architecture, unless the caller may not see which model a name stands for. */
const familyOf = ({ architecture }: ModelView) => architecture || "unknown";

function detailsOf(view: ModelView) {
  const { facts } = view;
  return {
    parent_model: "",
    format: "gguf" as const,
    family: familyOf(view),
    families: [familyOf(view)],
    parameter_size: facts?.parameters ? shortCount(facts.parameters) : "",
    quantization_level: facts?.quantization ?? "",
  };
}

/** A number of parameters as Ollama shows it: 134.5M, 8.0B. */
function shortCount(count: number): string {
  return count < 1e9 ? `${(count / 1e6).toFixed(1)}M` : `${(count / 1e9).toFixed(1)}B`;
}

/** When a model's file was changed; an engine's own model has none. */
const changedAt = ({ facts }: ModelView) => facts?.modified_at ?? new Date(0).toISOString();
