import { errorMessage, LlorchError } from "#shared/errors.ts";
import { errorReply } from "#shared/http/error_reply.ts";
import type { Server } from "#shared/http/serve.ts";
import { delay } from "#shared/lifecycle.ts";
import type { Logger } from "#shared/logging.ts";
import { Elector, type ElectorOptions } from "./cluster/elector.ts";
import type { Leading } from "./leading.ts";
import type { Store } from "./store/job_store.ts";

/** What {@linkcode Serving} uses. */
export interface ServingDeps {
  readonly log: Logger;
  readonly store: Pick<Store, "begin" | "failure">;
  /**
   * Makes the service of a start of that number.
   *
   * @param mayDecide Whether it may still decide anything.
   */
  readonly open: (start: number, mayDecide: () => boolean) => Leading;
  /** The seat that several processes share; undefined: this one is alone. */
  readonly election?: Pick<ElectorOptions, "seat" | "renewMs" | "ttlMs"> | undefined;
}

/** When a client may ask again while there is no service, in ms. */
const RETRY_AFTER_MS = 1_000;

/** Pause between two tries to begin a start, in ms. */
const PAUSE_MS = 500;

/**
 * The service of this process while it leads. It ends at once when another process may lead, and a new one
 * begins, from the store, when this one leads again.
 */
export class Serving {
  readonly #deps: ServingDeps;
  readonly #elector: Elector | undefined;
  #leading: Leading | undefined;
  #server: Server | undefined;
  /** Number of this start, once it has joined the others; undefined while it may take no seat. */
  #start: number | undefined;
  /** One change at a time. */
  #changing: Promise<void> = Promise.resolve();
  readonly #stop = new AbortController();

  constructor(deps: ServingDeps) {
    this.#deps = deps;
    const { election, log } = deps;
    this.#elector = election && new Elector({
      ...election,
      log,
      onLead: () =>
        void this.#change(() => this.#lead()).catch((error) => {
          this.#failed(error);
          return this.#elector?.giveUp("its service did not begin");
        }),
      onDeposed: () => void this.#change(() => this.#rejoin()),
    });
  }

  /** Undefined while another process leads, or none. */
  get leading(): Leading | undefined {
    return this.#leading;
  }

  /** Number of this start; undefined while it may not lead. */
  get start(): number | undefined {
    return this.#start;
  }

  readonly fetch = (request: Request): Response | Promise<Response> => {
    if (this.#leading) return this.#leading.fetch(request);
    // It lives, though it does not serve.
    if (new URL(request.url).pathname.endsWith("/health")) return Response.json({ status: "ok" });
    return this.refuse(request, this.#noService());
  };

  readonly refuse = (request: Request, error: LlorchError): Response =>
    this.#leading?.refuse(request, error) ?? errorReply(error, crypto.randomUUID());

  /** Begins the service, or the wait for it while another process leads. */
  async begin(server: Server): Promise<void> {
    this.#server = server;
    await this.#join();
    if (this.#elector) {
      this.#elector.start();
      await this.#elector.decided;
      await this.#changing;
    } else await this.#change(() => this.#lead());
  }

  /** To be called when somebody else may continue the jobs of this start. */
  fenced(): void {
    this.#deps.log.error("store_fenced", {
      reason: "Its row in the database is gone: its jobs may be continued by another one",
    });
    this.#start = undefined;
    if (this.#elector?.term !== undefined) void this.#elector.giveUp("its start is over");
    else void this.#change(() => this.#rejoin());
  }

  /** Ends what runs, or leaves it to the next start. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#change(async () => {
      await this.#leading?.close();
      this.#leading = undefined;
    });
    await this.#elector?.stop();
    await this.#changing;
  }

  #change(work: () => Promise<void>): Promise<void> {
    const done = this.#changing.then(work);
    this.#changing = done.catch(() => {});
    return done;
  }

  async #join(): Promise<void> {
    this.#start = await this.#deps.store.begin();
    this.#deps.log.info("store_opened", { start: this.#start });
  }

  async #lead(): Promise<void> {
    const { store, open } = this.#deps;
    const start = this.#start;
    const term = this.#elector?.term;
    if (this.#stop.signal.aborted || start === undefined || this.#elector && !term) return;
    const leading = open(start, () => this.#elector?.term === term);
    // What the store has said before had no listener.
    if (store.failure() !== undefined) leading.storage(false);
    if (this.#server) leading.metrics.http.observeServer(this.#server);
    this.#leading = leading;
    await leading.begin();
  }

  /** Drops the service with all that it knows of jobs, and joins the others as a new start. */
  async #rejoin(): Promise<void> {
    this.#start = undefined;
    await this.#leading?.abandon().catch((error) => this.#failed(error));
    this.#leading = undefined;
    while (!this.#stop.signal.aborted) {
      try {
        await this.#join();
        break;
      } catch (error) {
        this.#deps.log.warn("store_not_opened", { reason: errorMessage(error) });
        await delay(PAUSE_MS, this.#stop.signal).catch(() => {});
      }
    }
    if (!this.#elector) await this.#lead();
  }

  #failed(error: unknown): void {
    this.#deps.log.error("service_failed", { error });
  }

  #noService(): LlorchError {
    const leader = this.#elector?.seen?.url;
    const message = leader === undefined
      ? "No orchestrator leads yet"
      : `Another orchestrator leads: ${leader}`;
    return new LlorchError("NOT_READY", message, { retryAfterMs: RETRY_AFTER_MS });
  }
}
