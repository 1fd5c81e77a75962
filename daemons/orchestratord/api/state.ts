import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../orchestrator.ts";
import { mayTouch } from "./own_jobs.ts";
import { fits } from "../scheduler/fits.ts";
import { LISTED_JOBS, modelViews, poolViews, queueView, workerViews } from "../scheduler/views.ts";

/** `/v2/models`, `/v2/workers`, `/v2/pools`, `/v2/queue`: what is there, what waits and what runs. */
export function mountState(app: App, { loop, clock, jobs }: Orchestrator): void {
  app.mount(routes.models, ({ query }) => {
    const models = modelViews(loop.state);
    if (query.fit === "false") return { models };
    const fitOf = (fingerprint: string) => fits(loop.state, fingerprint, clock.steady());
    return { models: models.map((model) => ({ ...model, fit: fitOf(model.fingerprint) })) };
  });
  app.mount(routes.workers, () => ({ workers: workerViews(loop.state) }));
  app.mount(routes.pools, () => ({ pools: poolViews(loop.state) }));
  app.mount(routes.queue, ({ caller }) => {
    const { queued, running } = loop.state;
    const { jobs: waiting, ...counts } = queueView(loop.state, clock.steady());
    const isShown = (tenant = "") => mayTouch(caller, tenant);
    return {
      ...counts,
      jobs: waiting.filter(({ job_id }) => isShown(queued.get(job_id)?.tenant)),
      running: [...running.values()]
        .filter(({ tenant }) => isShown(tenant))
        .slice(0, LISTED_JOBS)
        .flatMap(({ id }) => jobs.live(id)?.runningView(clock.now()) ?? []),
    };
  });
}
