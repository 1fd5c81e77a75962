import { HEADERS } from "#shared/defaults.ts";
import type { Terms } from "#shared/terms.ts";
import { LlorchError } from "#shared/errors.ts";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { type App, type Authorize, createApp } from "#shared/http/app.ts";
import type { BodyLimits } from "#shared/http/body.ts";
import type { Logger } from "#shared/logging.ts";
import type { Metrics } from "#shared/metrics.ts";
import { mountStateRoutes, type StateSource } from "./api/state_routes.ts";
import { mountCallback, mountWorkerRoutes } from "./api/worker_routes.ts";
import type { Supervisor } from "./supervisor/supervisor.ts";

/** Dependencies of the applications. */
export interface AppContext extends StateSource {
  readonly poolId: string;
  readonly supervisor: Supervisor;
  /** URL of the ready callback. */
  readonly callbackUrl: () => string;
  readonly authorize: Authorize;
  /** Terms of the orchestrators that give orders. */
  readonly terms: Terms;
  /**
   * Whether a report, by its name, is of before our last registration. The sender of an order may have given it up
   * long ago, and the network brings it later.
   */
  readonly isOutdated: (report: string) => boolean;
  readonly limits: BodyLimits;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Builds the HTTP application of pool-managerd. */
export function createPoolApp(context: AppContext): App {
  const { log, authorize, terms, isOutdated, limits, metrics } = context;
  const requireCurrent = ({ headers }: Request) => {
    if (!isOutdated(headers.get(HEADERS.report) ?? "")) return;
    throw new LlorchError(
      "CONFLICT",
      "Cannot take an order from before this pool registered again: it arrives too late",
    );
  };
  const app = createApp({
    title: "pool-managerd",
    log,
    async authorize(request, route) {
      const caller = await authorize(request, route);
      if (route.role === "pool") {
        terms.require(termOf(request));
        if (route.method === "POST") requireCurrent(request);
      }
      return caller;
    },
    limits,
    onReply: metrics.onReply,
  });
  mountWorkerRoutes(app, context);
  mountStateRoutes(app, context);
  app.mount(poolRoutes.metrics, () => metrics.render());
  app.mount(poolRoutes.openapi, () => app.openapi());
  return app;
}

/** The term of the orchestrator that gives an order; undefined: it is alone, or it is no order. */
function termOf({ headers }: Request): number | undefined {
  const term = Number(headers.get(HEADERS.term) ?? NaN);
  return Number.isSafeInteger(term) ? term : undefined;
}

/** Builds the application of the ready callback alone, which listens at its own local address. */
export function createCallbackApp(context: AppContext): App {
  const { log, authorize, limits, metrics, supervisor } = context;
  const { onReply } = metrics;
  const app = createApp({ title: "pool-managerd callbacks", log, authorize, limits, onReply });
  mountCallback(app, supervisor);
  return app;
}
