import { LlorchError } from "#shared/errors.ts";
import { errorReply } from "#shared/http/error_reply.ts";
import type { Server } from "#shared/http/serve.ts";
import type { Logger } from "#shared/logging.ts";
import type { Leading } from "./leading.ts";
import type { Store } from "./store/job_store.ts";

/** What {@linkcode Serving} uses. */
export interface ServingDeps {
  readonly log: Logger;
  readonly store: Pick<Store, "begin" | "failure">;
  /** Makes the service of a start of that number. */
  readonly open: (start: number) => Leading;
}

/** When a client may ask again while there is no service, in ms. */
const RETRY_AFTER_MS = 1_000;

/** The service, and another one in its place when its jobs may be continued by somebody else. */
export class Serving {
  readonly #deps: ServingDeps;
  #leading: Leading | undefined;
  #server: Server | undefined;
  /** One change at a time. */
  #changing: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(deps: ServingDeps) {
    this.#deps = deps;
  }

  /** Undefined while there is none. */
  get leading(): Leading | undefined {
    return this.#leading;
  }

  readonly fetch = (request: Request): Response | Promise<Response> =>
    this.#leading?.fetch(request) ?? this.refuse(request, noService());

  readonly refuse = (request: Request, error: LlorchError): Response =>
    this.#leading?.refuse(request, error) ?? errorReply(error, crypto.randomUUID());

  /** Begins the service. */
  begin(server: Server): Promise<void> {
    this.#server = server;
    return this.#change(() => this.#begin());
  }

  /** Drops the service with all that it knows of jobs, and begins another one from the store. */
  beginAnew(): void {
    this.#deps.log.error("store_fenced", {
      reason: "Its row in the database is gone: jobs of before may be continued by another one",
    });
    this.#change(async () => {
      await this.#leading?.abandon();
      this.#leading = undefined;
      await this.#begin();
    }).catch((error) => this.#deps.log.error("store_not_opened", { error }));
  }

  /** Ends what runs, or leaves it to the next start. */
  close(): Promise<void> {
    return this.#change(async () => {
      this.#isClosed = true;
      await this.#leading?.close();
    });
  }

  #change(work: () => Promise<void>): Promise<void> {
    const done = this.#changing.then(work);
    this.#changing = done.catch(() => {});
    return done;
  }

  async #begin(): Promise<void> {
    if (this.#isClosed) return;
    const { store, log, open } = this.#deps;
    const start = await store.begin();
    log.info("store_opened", { start });
    const leading = open(start);
    // What the store has said before had no listener.
    if (store.failure() !== undefined) leading.storage(false);
    if (this.#server) leading.metrics.http.observeServer(this.#server);
    this.#leading = leading;
    await leading.begin();
  }
}

function noService(): LlorchError {
  return new LlorchError("NOT_READY", "The orchestrator is starting", {
    retryAfterMs: RETRY_AFTER_MS,
  });
}
