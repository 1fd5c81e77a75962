import { ACCEPTED } from "#shared/contracts/common.ts";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App } from "#shared/http/app.ts";
import { encodeSse, SSE } from "#shared/http/sse.ts";
import { StreamResponse } from "#shared/http/stream_response.ts";
import type { LogReader } from "../supervisor/log_reader.ts";
import type { Supervisor } from "../supervisor/supervisor.ts";

/** A comment is sent after this long without a line, in milliseconds. */
const KEEP_ALIVE_MS = 15_000;

/** Dependencies of {@linkcode mountWorkerRoutes}. */
export interface WorkerRoutesContext {
  readonly poolId: string;
  readonly supervisor: Supervisor;
  /** URL of the ready callback. */
  readonly callbackUrl: () => string;
}

/** Adds the routes that start and stop workers and read their logs. */
export function mountWorkerRoutes(app: App, context: WorkerRoutesContext): void {
  const { poolId, supervisor, callbackUrl } = context;
  app.mount(poolRoutes.spawn, async ({ params, body, log }) => {
    if (params.id !== poolId) {
      throw new LlorchError(
        "NOT_FOUND",
        `Cannot spawn in pool "${params.id}": this is "${poolId}"`,
      );
    }
    const worker_id = await supervisor.spawn(body, callbackUrl());
    log.info("spawn_accepted", { worker_id, model_ref: body.model_ref });
    return { worker_id };
  });
  mountCallback(app, supervisor);
  app.mount(poolRoutes.drainWorker, ({ params, body }) => {
    supervisor.drain(params.id, body.deadline_ms);
    return ACCEPTED;
  });
  app.mount(poolRoutes.stopWorker, ({ params, body }) => {
    supervisor.stop(params.id, body.deadline_ms);
    return ACCEPTED;
  });
  app.mount(poolRoutes.workerLogs, ({ params, query }) => {
    if (query.follow === "false") return { lines: [...supervisor.logLines(params.id)] };
    const reader = supervisor.readLog(params.id);
    return new StreamResponse(logFrames(reader), {
      format: SSE,
      keepAliveMs: KEEP_ALIVE_MS,
      onClose: () => reader.close(),
    });
  });
}

async function* logFrames(reader: LogReader): AsyncGenerator<Uint8Array> {
  for await (const line of reader) yield encodeSse("line", { line });
  yield encodeSse("end", {});
}

/** Adds the route of the ready callback. */
export function mountCallback(app: App, supervisor: Supervisor): void {
  app.mount(poolRoutes.workerReady, async ({ body }) => {
    await supervisor.ready(body);
    return ACCEPTED;
  });
}
