import { onAbort } from "#shared/aborts.ts";
import type { ExecuteRequest } from "#shared/contracts/request.ts";
import {
  type CancelRequest,
  type TokenPiece,
  type WorkerHealth,
  workerRoutes,
} from "#shared/contracts/worker.ts";
import { type App, type AppOptions, createApp } from "#shared/http/app.ts";
import { Terms } from "#shared/terms.ts";
import { bearerAuth } from "#shared/http/auth.ts";
import { SSE } from "#shared/http/sse.ts";
import { streamHeaders } from "#shared/http/stream_response.ts";
import type { Logger } from "#shared/logging.ts";
import type { Metrics } from "#shared/metrics.ts";
import type { Answer } from "./answers/answer.ts";
import type { Model, SavedSlots } from "./model.ts";

/** The worker, as the routes use it. */
export interface WorkerFace {
  /** @throws {LlorchError} `NOT_READY` */
  model(): Model;
  /** @throws {LlorchError} `NOT_READY`, or `NOT_FOUND` if this worker cannot save slots */
  savedSlots(): SavedSlots;
  /** @throws {LlorchError} if the attempt cannot be accepted */
  execute(request: ExecuteRequest, log: Logger): Promise<Answer>;
  cancel(request: CancelRequest): void;
  health(): WorkerHealth;
  shutdown(): void;
}

/** Dependencies of {@linkcode createWorkerApp}. */
export interface WorkerAppOptions {
  readonly worker: WorkerFace;
  readonly metrics: Metrics;
  readonly token: string | undefined;
  readonly limits: NonNullable<AppOptions["limits"]>;
  readonly log: Logger;
  /** Called for each request with the token. */
  readonly onCall: () => void;
}

/** Creates a worker's HTTP application. */
export function createWorkerApp(options: WorkerAppOptions): App {
  const { worker, metrics, log } = options;
  const bearer = bearerAuth(options.token);
  const app = createApp({
    title: "llorch-candled",
    log,
    limits: options.limits,
    onReply: metrics.onReply,
    authorize(request, route) {
      bearer(request, route);
      if (route.role !== "none" || carriesToken(request)) options.onCall();
      return undefined;
    },
  });

  /** Whether a request has the token: the pool manager also sends it to open routes. */
  function carriesToken(request: Request): boolean {
    try {
      bearer(request, { role: "worker" });
      return true;
    } catch {
      return false;
    }
  }

  // Closing the stream cancels the attempt.
  const terms = new Terms();
  app.mount(workerRoutes.execute, async ({ body, signal, log }) => {
    terms.require(body.sender?.term);
    const answer = await worker.execute(body, log);
    onAbort(signal, () => answer.leave());
    return new Response(answer.stream.body, { headers: streamHeaders(SSE) });
  });
  app.mount(workerRoutes.tokenize, async ({ body }) => {
    const { tokens, pieces } = await worker.model().tokenize(body);
    return {
      tokens: [...tokens],
      count: tokens.length,
      ...(pieces ? { pieces: pieces.map(toPiece) } : {}),
    };
  });
  app.mount(workerRoutes.detokenize, async ({ body }) => ({
    text: await worker.model().detokenize(body.tokens),
  }));
  app.mount(workerRoutes.render, async ({ body }) => ({
    prompt: await worker.model().render(body),
  }));
  app.mount(workerRoutes.template, () => worker.model().template());
  app.mount(
    workerRoutes.embed,
    ({ body, signal }) => worker.model().embed(body, signal),
  );
  app.mount(
    workerRoutes.rerank,
    ({ body, signal }) => worker.model().rerank(body, signal),
  );
  app.mount(workerRoutes.cancel, ({ body }) => {
    // One that leads no more may still cancel what it has sent.
    terms.saw(body.sender?.term);
    worker.cancel(body);
    return { status: "accepted" } as const;
  });
  app.mount(
    workerRoutes.saveSlot,
    ({ params, body }) => worker.savedSlots().save(params.n, body.path),
  );
  app.mount(workerRoutes.restoreSlot, async ({ params, body }) => ({
    tokens: await worker.savedSlots().restore(params.n, body.path),
  }));
  app.mount(workerRoutes.shutdown, () => {
    worker.shutdown();
    return { status: "accepted" } as const;
  });
  app.mount(workerRoutes.health, () => worker.health());
  app.mount(workerRoutes.ready, () => {
    worker.model();
    return { status: "ready" } as const;
  });
  app.mount(workerRoutes.metrics, () => metrics.render());
  app.mount(workerRoutes.openapi, () => app.openapi());
  return app;
}

const toPiece = (piece: TokenPiece): TokenPiece => typeof piece === "string" ? piece : [...piece];
