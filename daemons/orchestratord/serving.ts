import { orchestratorRoutes } from "#shared/contracts/mod.ts";
import { deadline } from "#shared/deadline.ts";
import { errorMessage, type LlorchError } from "#shared/errors.ts";
import type { App } from "#shared/http/app.ts";
import { dialectAt } from "#shared/http/dialect_at.ts";
import { errorReply } from "#shared/http/error_reply.ts";
import type { Server } from "#shared/http/serve.ts";
import { delay } from "#shared/lifecycle.ts";
import type { Logger } from "#shared/logging.ts";
import { meantPath } from "./api/paths.ts";
import { Elector, type ElectorOptions } from "./cluster/elector.ts";
import { OWN_PATHS } from "./following.ts";
import type { Leading } from "./leading.ts";
import type { OrchestratorMetrics } from "./metrics.ts";
import { noService, Passing, type PassingOptions } from "./passing.ts";
import type { Store } from "./store/job_store.ts";

/** What several orchestrators on one database share, and how they pass requests on. */
export interface Election
  extends Pick<ElectorOptions, "seat" | "renewMs" | "ttlMs">, PassingOptions {
  /** What this process answers itself, whether it leads or not. */
  readonly following: App;
  /** How long this process passes requests on after its stop has begun, in ms. */
  readonly leaveMs: number;
}

/** What {@linkcode Serving} uses. */
export interface ServingDeps {
  readonly log: Logger;
  readonly metrics: OrchestratorMetrics;
  readonly store: Pick<Store, "begin" | "failure" | "giveUp" | "members">;
  /**
   * Makes the service of a start of that number.
   *
   * @param mayDecide Whether it may decide anything now.
   * @param term Number of its leadership; undefined: there can be only one.
   */
  readonly open: (start: number, mayDecide: () => boolean, term: number | undefined) => Leading;
  /** Undefined: this process is alone. */
  readonly election?: Election | undefined;
}

/** Pause between two tries to begin a start, in ms. */
const PAUSE_MS = 500;

/** How long jobs may take to be given up, in ms: the database may be away. */
const GIVE_UP_MS = 3_000;

const ROUTES = Object.values(orchestratorRoutes);

/**
 * The service of this process while it leads. It ends at once when another process leads, and a new one
 * begins, from the store, when this one leads again. Meanwhile, requests are passed on.
 */
export class Serving {
  readonly #deps: ServingDeps;
  readonly #elector: Elector | undefined;
  readonly #passing: Passing | undefined;
  #leading: Leading | undefined;
  /** Whether the service has taken over what earlier ones left. */
  #hasBegun = false;
  #isLeaving = false;
  #server: Server | undefined;
  /** Number of this start, once it has joined the others; undefined while it may take no seat. */
  #start: number | undefined;
  /** When this process began to know of no leader, in ms of `performance.now()`; undefined: it knows one. */
  #leaderlessSince: number | undefined = performance.now();
  /** One change at a time. */
  #changing: Promise<void> = Promise.resolve();
  readonly #stop = new AbortController();

  constructor(deps: ServingDeps) {
    this.#deps = deps;
    const { election, log, metrics } = deps;
    this.#passing = election && new Passing(election, {
      here: (path) => this.#here(path),
      elsewhere: () => this.#elsewhere(),
      isHolder: () => this.#elector!.held !== undefined,
      isCutOff: () => this.#elector!.trouble !== undefined,
      refuse: this.refuse,
    }, deps);
    this.#elector = election && new Elector({
      ...election,
      log,
      onLead: (term) => {
        metrics.leaderChanges.inc({ outcome: "begun" });
        this.#passing!.saw(term);
        void this.#change(() => this.#lead()).catch((error) => {
          this.#failed(error);
          return this.#elector?.giveUp("its service did not begin");
        });
      },
      onResumed: () => {
        this.#leading?.goOn();
        this.#passing!.changed();
      },
      onDeposed: () => {
        metrics.leaderChanges.inc({ outcome: "ended" });
        this.#hasBegun = false;
        void this.#change(() => this.#rejoin());
      },
      onSeen: ({ term }) => this.#passing!.saw(term),
    });
  }

  /** Undefined while another process leads, or none. */
  get leading(): Leading | undefined {
    return this.#leading;
  }

  /** Whether this process leads, or is alone. */
  get leads(): boolean {
    return this.#leading !== undefined && (!this.#elector || this.term !== undefined);
  }

  /** The term in which this process may decide; undefined: it may not, or there can be no other. */
  get term(): number | undefined {
    return this.#elector?.term;
  }

  /** Number of this start; undefined while it may not lead. */
  get start(): number | undefined {
    return this.#start;
  }

  /** Where the one that leads is, if that is another one and it is known. */
  get leaderUrl(): string | undefined {
    return this.#elsewhere()?.url;
  }

  /** Why requests would not be answered; undefined: they would be. */
  notReadyReason(): string | undefined {
    if (!this.#elector) {
      return this.#leading ? this.#leading.notReadyReason() : "It does not serve yet";
    }
    if (this.#isLeaving) return "The orchestrator is stopping";
    if (this.#here()) {
      this.#leaderlessSince = undefined;
      return this.#leading!.notReadyReason();
    }
    const { trouble } = this.#elector;
    const leader = this.leaderUrl;
    // Without the database, the one that led is only remembered.
    if (leader !== undefined && trouble === undefined) {
      this.#leaderlessSince = undefined;
      return this.#passing!.isUnreached
        ? `The orchestrator that leads cannot be reached: ${leader}`
        : undefined;
    }
    // Requests wait for a while, so that those in front need not turn them away.
    this.#leaderlessSince ??= performance.now();
    const isLong = performance.now() - this.#leaderlessSince > this.#deps.election!.waitMs;
    if (!isLong) return undefined;
    return trouble === undefined
      ? "No orchestrator leads"
      : `No orchestrator can lead, because the database does not answer: ${trouble}`;
  }

  readonly fetch = (request: Request): Response | Promise<Response> => {
    const { election } = this.#deps;
    if (election) {
      const path = meantPath(URL.parse(request.url)?.pathname ?? "");
      return OWN_PATHS.has(path)
        ? election.following.fetch(request)
        : this.#passing!.answer(request, path);
    }
    if (this.#leading) return this.#leading.fetch(request);
    // It lives, though it does not serve.
    if (new URL(request.url).pathname.endsWith("/health")) return Response.json({ status: "ok" });
    return this.refuse(request, noService());
  };

  readonly refuse = (request: Request, error: LlorchError): Response => {
    if (this.#leading) return this.#leading.refuse(request, error);
    const path = meantPath(URL.parse(request.url)?.pathname ?? "");
    return errorReply(error, crypto.randomUUID(), dialectAt(ROUTES, path));
  };

  /** Begins the service, or the wait for it while another process leads. */
  async begin(server: Server): Promise<void> {
    this.#server = server;
    this.#deps.metrics.http.observeServer(server);
    await this.#join();
    if (this.#elector) {
      this.#elector.start();
      await this.#elector.decided;
      await this.#changing;
    } else await this.#change(() => this.#lead());
  }

  /**
   * To be called with a term that a pool or a worker has seen. A higher one than ours means that another one
   * leads, or that the database has lost its newest changes; then the next term is above it.
   */
  sawTerm(seen: number): void {
    const term = this.#elector?.held;
    if (term === undefined || seen <= term) return;
    this.#deps.log.warn("term_is_old", { term, seen });
    void this.#elector!.giveUp("a higher term has been seen", seen);
  }

  /** To be called when what this start knows of jobs no longer counts. */
  fenced(reason: string): void {
    this.#deps.log.error("store_fenced", { reason });
    this.#start = undefined;
    if (this.#elector?.held !== undefined) void this.#elector.giveUp("its start is over");
    else void this.#change(() => this.#rejoin());
  }

  /** Ends what runs, or leaves it to the next start or the next leader. */
  async close(): Promise<void> {
    const { election, store } = this.#deps;
    const began = performance.now();
    this.#isLeaving = true;
    if (election) {
      let isReleased = false;
      await this.#change(async () => {
        if (!this.#leading) return;
        const heldSlots = await this.#leading.handOver();
        const given = store.giveUp(heldSlots).then(() => isReleased = true);
        await deadline(given.catch((error) => this.#failed(error)), GIVE_UP_MS);
      });
      await this.#elector!.retire(isReleased);
    }
    const isMissed = election !== undefined && await this.#hasOthers();
    await this.#change(async () => {
      await this.#leading?.close();
    });
    if (isMissed) {
      const elapsedMs = () => performance.now() - began;
      const isNeeded = () =>
        elapsedMs() < election.leaveMs ||
        this.#passing!.open > 0 && elapsedMs() < election.streamsMs();
      while (isNeeded()) await delay(20);
      // A proxy repeats no POST on a connection that breaks: all that it has opened are answered.
      await this.#server?.stopListening();
      while (this.#passing!.open > 0 && isNeeded()) await delay(20);
    }
    this.#leading = undefined;
    this.#stop.abort();
    this.#passing?.close();
    await this.#elector?.stop();
    await this.#changing;
  }

  /** Whether there are other orchestrators, to which requests can be passed on. */
  async #hasOthers(): Promise<boolean> {
    const members = await this.#deps.store.members().catch(() => undefined);
    return members?.replicas.some(({ start, leftMs }) => start !== this.#start && leftMs > 0) ??
      false;
  }

  /** The service of this process, if it can answer requests of a path. */
  #here(path?: string): Leading | undefined {
    // Pools report while a new leader still asks for their states.
    const hasBegun = this.#hasBegun || path?.startsWith("/v2/pools/");
    return hasBegun && this.term !== undefined && !this.#isLeaving ? this.#leading : undefined;
  }

  /** The one that leads, if that is another one and it is known. */
  #elsewhere(): { readonly url: string; readonly term: number } | undefined {
    if (!this.#elector || this.#elector.held !== undefined) return undefined;
    const { url, term, isOver = true, incarnation } = this.#elector.seen ?? {};
    if (url === undefined || isOver || incarnation === this.#start) return undefined;
    return { url, term: term! };
  }

  #change(work: () => Promise<void>): Promise<void> {
    const done = this.#changing.then(work).finally(() => this.#passing?.changed());
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
    const term = this.#elector?.held;
    if (this.#isLeaving || start === undefined || this.#elector && !term) return;
    const leading = open(start, () => this.#elector?.term === term, term);
    // What the store has said before had no listener.
    if (store.failure() !== undefined) leading.storage(false);
    this.#leading = leading;
    await leading.begin();
    this.#hasBegun = this.#elector?.held === term;
  }

  /** Drops the service with all that it knows of jobs, and joins the others as a new start. */
  async #rejoin(): Promise<void> {
    this.#start = undefined;
    this.#hasBegun = false;
    await this.#leading?.abandon().catch((error) => this.#failed(error));
    this.#leading = undefined;
    while (!this.#isLeaving) {
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
}
