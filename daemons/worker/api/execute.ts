import type { workerRoutes } from "#shared/contracts/worker.ts";
import type { Handler } from "#shared/http/app.ts";
import { SSE } from "#shared/http/sse.ts";
import { streamHeaders } from "#shared/http/stream_response.ts";
import type { Worker } from "../worker.ts";

/** `POST /execute`: one attempt of a job as a stream of events; closing it is a cancel. */
export function execute(worker: Worker): Handler<typeof workerRoutes.execute> {
  return async ({ body, signal, log }) => {
    const run = await worker.execute(body, log);
    if (signal.aborted) run.leave();
    else signal.addEventListener("abort", () => run.leave(), { once: true });
    return new Response(run.stream.body, { headers: streamHeaders(SSE) });
  };
}
