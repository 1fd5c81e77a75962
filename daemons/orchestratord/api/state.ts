import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { defined } from "#shared/json.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../service.ts";
import { forCaller, modelFor, unusableFor } from "./hide_paths.ts";
import { failedLoads } from "./failed_loads.ts";
import { mayTouch } from "./own_jobs.ts";
import { ownersOf } from "./owners.ts";
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

/** Waiting jobs whose start is told, at most. */
const PREDICTED_JOBS = 100;

/** `/v2/models`, `/v2/workers`, `/v2/pools`, `/v2/queue`: the state of the service. */
export function mountState(app: App, { loop, clock, jobs, pools, access }: Orchestrator): void {
  app.mount(routes.models, ({ query, caller }) => {
    const models = modelViews(loop.state).map((model) => {
      const failed_loads = failedLoads(loop.state, model.fingerprint, clock);
      return modelFor(caller, failed_loads.length === 0 ? model : { ...model, failed_loads });
    });
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
  app.mount(routes.workerLog, async ({ params, query }) => ({
    lines: [...await pools.logOf(params.id, query.pool_id)],
  }));
  app.mount(routes.pools, ({ caller }) => ({ pools: forCaller(caller, poolViews(loop.state)) }));
  app.mount(routes.queue, async ({ caller }) => {
    const { queued, running } = loop.state;
    const { jobs: inOrder, ...counts } = queueView(loop.state, clock.steady());
    const isShown = (tenant = "") => mayTouch(caller, tenant);
    const tenantOf = (jobId: string) => queued.get(jobId)?.tenant ?? "";
    const ids = inOrder.map(({ job_id }) => job_id);
    const own = ids.filter((id) => isShown(tenantOf(id)));
    const predicted = [...ids.slice(0, PREDICTED_JOBS), ...own.slice(0, PREDICTED_JOBS)];
    const starts = loop.startsOf([...new Set(predicted)]);
    const waiting = inStartOrder(inOrder, starts);
    const shown = waiting.flatMap((job) => {
      const tenant = tenantOf(job.job_id);
      return isShown(tenant) ? [{ job, tenant }] : [];
    });
    const now = clock.now();
    const ongoing = [...running.values()]
      .filter(({ tenant }) => isShown(tenant))
      .slice(0, LISTED_JOBS)
      .flatMap(({ id, tenant }) => {
        const job = jobs.live(id)?.runningView(now);
        return job ? [{ job, tenant }] : [];
      });
    const all = [...shown, ...ongoing];
    const owner = await ownersOf(access, all.map(({ tenant }) => tenant));
    return forCaller(caller, {
      ...counts,
      jobs: shown.map(({ job, tenant }) => ({
        ...job,
        ...defined({ predicted_start_ms: starts.get(job.job_id) }),
        ...owner(tenant),
      })),
      running: ongoing.map(({ job, tenant }) => ({ ...job, ...owner(tenant) })),
    });
  });
}

/**
 * Waiting jobs with their places, those first that start first: each model has slots of its own, and running jobs
 * may yield theirs. Jobs whose start is not known come last.
 *
 * @param starts When some of them start, in ms from now.
 */
export function inStartOrder<J extends { readonly job_id: string }>(
  jobs: readonly J[],
  starts: ReadonlyMap<string, number>,
): (J & { readonly position: number })[] {
  const startOf = ({ job_id }: J) => starts.get(job_id) ?? Infinity;
  return jobs
    .toSorted((a, b) => startOf(a) === startOf(b) ? 0 : startOf(a) - startOf(b))
    .map((job, position) => ({ ...job, position }));
}
