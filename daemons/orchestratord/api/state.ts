import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../orchestrator.ts";
import { mayTouch } from "./own_jobs.ts";
import { fits } from "../scheduler/fits.ts";
import { modelViews, poolViews, queueView, workerViews } from "../scheduler/views.ts";

/** `/v2/models`, `/v2/workers`, `/v2/pools`, `/v2/queue`: what is there and what waits. */
export function mountState(app: App, { loop, clock }: Orchestrator): void {
  app.mount(routes.models, ({ query }) => {
    const models = modelViews(loop.state);
    if (query.fit === "false") return { models };
    const fitOf = (fingerprint: string) => fits(loop.state, fingerprint, clock.steady());
    return { models: models.map((model) => ({ ...model, fit: fitOf(model.fingerprint) })) };
  });
  app.mount(routes.workers, () => ({ workers: workerViews(loop.state) }));
  app.mount(routes.pools, () => ({ pools: poolViews(loop.state) }));
  app.mount(routes.queue, ({ caller }) => {
    const { jobs, ...counts } = queueView(loop.state, clock.steady());
    const isShown = (id: string) => mayTouch(caller, loop.state.queued.get(id)?.tenant ?? "");
    return { ...counts, jobs: jobs.filter(({ job_id }) => isShown(job_id)) };
  });
}
