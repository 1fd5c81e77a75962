import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../service.ts";
import { forCaller, modelFor, unusableFor } from "./hide_paths.ts";
import { mayTouch } from "./own_jobs.ts";
import { nameViews } from "./shown_models.ts";
import { fits } from "../scheduler/fits.ts";
import {
  LISTED_JOBS,
  modelViews,
  poolViews,
  queueView,
  unusableViews,
  workerViews,
} from "../scheduler/views.ts";

/** `/v2/models`, `/v2/workers`, `/v2/pools`, `/v2/queue`: the state of the service. */
export function mountState(app: App, { loop, clock, jobs }: Orchestrator): void {
  app.mount(routes.models, ({ query, caller }) => {
    const models = modelViews(loop.state).map((model) => modelFor(caller, model));
    const unusable = unusableViews(loop.state).map((file) => unusableFor(caller, file));
    const names = nameViews(loop, caller);
    if (query.fit === "false") return { models, names, unusable };
    const fitOf = (fingerprint: string) => fits(loop.state, fingerprint, clock.steady());
    return {
      models: models.map((model) => ({
        ...model,
        fit: forCaller(caller, fitOf(model.fingerprint)),
      })),
      names,
      unusable,
    };
  });
  app.mount(
    routes.workers,
    ({ caller }) => ({ workers: forCaller(caller, workerViews(loop.state)) }),
  );
  app.mount(routes.pools, ({ caller }) => ({ pools: forCaller(caller, poolViews(loop.state)) }));
  app.mount(routes.queue, ({ caller }) => {
    const { queued, running } = loop.state;
    const { jobs: waiting, ...counts } = queueView(loop.state, clock.steady());
    const isShown = (tenant = "") => mayTouch(caller, tenant);
    return forCaller(caller, {
      ...counts,
      jobs: waiting.filter(({ job_id }) => isShown(queued.get(job_id)?.tenant)),
      running: [...running.values()]
        .filter(({ tenant }) => isShown(tenant))
        .slice(0, LISTED_JOBS)
        .flatMap(({ id }) => jobs.live(id)?.runningView(clock.now()) ?? []),
    });
  });
}
