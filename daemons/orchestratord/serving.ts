import { orchestratorRoutes } from "#shared/contracts/mod.ts";
import { deadline, LATE } from "#shared/deadline.ts";
import { HEADERS } from "#shared/defaults.ts";
import { errorMessage, LlorchError, toLlorchError } from "#shared/errors.ts";
import type { App } from "#shared/http/app.ts";
import { secretsEqual } from "#shared/http/auth.ts";
import { dialectAt } from "#shared/http/dialect_at.ts";
import { defined } from "#shared/json.ts";
import { errorReply } from "#shared/http/error_reply.ts";
import type { Server } from "#shared/http/serve.ts";
import { delay } from "#shared/lifecycle.ts";
import type { Logger } from "#shared/logging.ts";
import { meantPath } from "./api/paths.ts";
import { Elector, type ElectorOptions } from "./cluster/elector.ts";
import { HeldRequest } from "./cluster/held_request.ts";
import { Leaders } from "./cluster/leaders.ts";
import { passOn } from "./cluster/pass_on.ts";
import { OWN_PATHS } from "./following.ts";
import type { Leading } from "./leading.ts";
import type { OrchestratorMetrics } from "./metrics.ts";
import type { Store } from "./store/job_store.ts";

/** What several orchestrators on one database share, and how they pass requests on. */
export interface Election extends Pick<ElectorOptions, "seat" | "renewMs" | "ttlMs"> {
  /** What this process answers itself, whether it leads or not. */
  readonly following: App;
  /** Proves to another one that an orchestrator passes a request on. */
  readonly hop: string;
  /** Certificates in PEM to trust in addition to the usual authorities. */
  readonly ca: string | undefined;
  /** The transport to other orchestrators. */
  readonly http: Deno.HttpClient | undefined;
  /** How long a request waits for one that leads, in ms. */
  readonly waitMs: number;
  /** How long this process passes requests on after its stop has begun, in ms. */
  readonly leaveMs: number;
  /** How long streams may go on at one that leads no more, in ms. */
  readonly streamsMs: () => number;
  /** A client that reads nothing for this long is cut off, in ms. */
  readonly slowReaderMs: () => number;
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

/** When a client may ask again while there is no service, in ms. */
const RETRY_AFTER_MS = 1_000;

/** Pause between two tries to begin a start, in ms. */
const PAUSE_MS = 500;

/** One that does not answer a probe within this time cannot be reached, in ms. */
const PROBE_MS = 1_500;

const ROUTES = Object.values(orchestratorRoutes);

/**
 * The service of this process while it leads. It ends at once when another process leads, and a new one
 * begins, from the store, when this one leads again. Meanwhile, requests are passed on.
 */
export class Serving {
  readonly #deps: ServingDeps;
  readonly #elector: Elector | undefined;
  readonly #leaders: Leaders;
  #leading: Leading | undefined;
  /** Whether the service has taken over what earlier ones left. */
  #hasBegun = false;
  #isLeaving = false;
  /** Number of this start, once it has joined the others; undefined while it may take no seat. */
  #start: number | undefined;
  /** When this process began to know of no leader, in ms of `performance.now()`; undefined: it knows one. */
  #leaderlessSince: number | undefined = performance.now();
  /** Since when the one that leads could not be reached, in ms of `performance.now()`; undefined: it could. */
  #unreachedSince: number | undefined;
  #isProbing = false;
  #seenTerm = 0;
  /** Requests that are passed on now. */
  #passing = 0;
  /** One change at a time. */
  #changing: Promise<void> = Promise.resolve();
  /** Resolves when something has changed for requests that wait. */
  #changed = Promise.withResolvers<void>();
  readonly #stop = new AbortController();

  constructor(deps: ServingDeps) {
    this.#deps = deps;
    const { election, log, metrics } = deps;
    this.#leaders = new Leaders(() => election?.streamsMs() ?? 0);
    this.#elector = election && new Elector({
      ...election,
      log,
      onLead: (term) => {
        metrics.leaderChanges.inc({ outcome: "begun" });
        this.#leaders.saw(term);
        void this.#change(() => this.#lead()).catch((error) => {
          this.#failed(error);
          return this.#elector?.giveUp("its service did not begin");
        });
      },
      onResumed: () => {
        this.#leading?.goOn();
        this.#wake();
      },
      onDeposed: () => {
        metrics.leaderChanges.inc({ outcome: "ended" });
        this.#hasBegun = false;
        void this.#change(() => this.#rejoin());
      },
      onSeen: ({ term }) => {
        if (term !== this.#seenTerm) this.#unreachedSince = undefined;
        this.#seenTerm = term;
        this.#leaders.saw(term);
        this.#wake();
      },
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
    const seen = this.#elector?.seen;
    if (
      !seen || this.#elector!.held !== undefined || seen.isOver || seen.incarnation === this.#start
    ) {
      return undefined;
    }
    return seen.url;
  }

  /** Why requests would not be answered; undefined: they would be. */
  notReadyReason(): string | undefined {
    if (!this.#elector) {
      return this.#leading ? this.#leading.notReadyReason() : "It does not serve yet";
    }
    if (this.#isLeaving) return "The orchestrator is stopping";
    if (this.#here()) return this.#leading!.notReadyReason();
    const { waitMs } = this.#deps.election!;
    const isLong = (since: number) => performance.now() - since > waitMs;
    if (this.leaderUrl !== undefined || this.#elector.held !== undefined) {
      this.#leaderlessSince = undefined;
      if (this.#unreachedSince === undefined) return undefined;
      void this.#probe();
      return isLong(this.#unreachedSince)
        ? `The orchestrator that leads cannot be reached: ${this.leaderUrl}`
        : undefined;
    }
    // Requests wait for a while, so that those in front need not turn them away.
    this.#leaderlessSince ??= performance.now();
    return isLong(this.#leaderlessSince) ? "No orchestrator leads" : undefined;
  }

  readonly fetch = (request: Request): Response | Promise<Response> => {
    const { election } = this.#deps;
    if (election) return this.#answer(request, election);
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

  /** To be called when somebody else may continue the jobs of this start. */
  fenced(): void {
    this.#deps.log.error("store_fenced", {
      reason: "Its row in the database is gone: its jobs may be continued by another one",
    });
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
      await this.#change(async () => {
        if (!this.#leading) return;
        await this.#leading.handOver();
        await store.giveUp().catch((error) => this.#failed(error));
      });
      await this.#elector!.retire();
      this.#wake();
    }
    const isMissed = election !== undefined && await this.#hasOthers();
    await this.#change(async () => {
      await this.#leading?.close();
    });
    if (isMissed) {
      const elapsedMs = () => performance.now() - began;
      const isNeeded = () =>
        elapsedMs() < election.leaveMs ||
        this.#passing > 0 && elapsedMs() < election.streamsMs();
      while (isNeeded()) await delay(20);
    }
    this.#leading = undefined;
    this.#stop.abort();
    this.#wake();
    await this.#elector?.stop();
    await this.#changing;
    this.#leaders.close();
  }

  /** Whether there are other orchestrators, to which requests can be passed on. */
  async #hasOthers(): Promise<boolean> {
    const members = await this.#deps.store.members().catch(() => undefined);
    return members?.replicas.some(({ start, leftMs }) => start !== this.#start && leftMs > 0) ??
      false;
  }

  /** The service of this process, if it can answer requests. */
  #here(): Leading | undefined {
    const mayAnswer = this.#hasBegun && this.term !== undefined && !this.#isLeaving;
    return mayAnswer ? this.#leading : undefined;
  }

  /** Answers by the service that leads, here or elsewhere, and waits for one if there is none. */
  async #answer(request: Request, election: Election): Promise<Response> {
    const path = meantPath(URL.parse(request.url)?.pathname ?? "");
    if (OWN_PATHS.has(path)) return election.following.fetch(request);
    const isHop = secretsEqual(request.headers.get(HEADERS.hop) ?? "", election.hop);
    let held;
    try {
      held = await HeldRequest.of(request);
    } catch (error) {
      return this.refuse(request, toLlorchError(error));
    }
    const until = performance.now() + election.waitMs;
    for (;;) {
      // Pools report while a new leader still asks for their states.
      const here = this.#here() ??
        (path.startsWith("/v2/pools/") ? this.#openLeading() : undefined);
      const url = this.leaderUrl;
      if (here) {
        held.sent();
        const reply = await here.fetch(held.request);
        // Refused because it leads no more: the next one may take it.
        const isRefused = reply.status === 503 && held.canBeSent && this.#here() !== here;
        if (!isRefused) return reply;
        await reply.body?.cancel();
      } else if (isHop && this.#elector!.held === undefined) {
        return this.refuse(request, notLeader());
      } else if (url !== undefined && !isHop) {
        const reply = await this.#pass(held, url, election);
        if (reply instanceof Response) return reply;
        if (request.signal.aborted) return new Response(null, { status: 499 });
        if (reply.mayHaveArrived && !held.isRepeatable) {
          this.#deps.metrics.passedOn.inc({ outcome: "unknown" });
          return this.refuse(request, unknownOutcome(reply.reason));
        }
        this.#deps.log.info("not_passed_on", { to: url, reason: reply.reason });
      }
      const leftMs = until - performance.now();
      const mayWait = leftMs > 0 && held.canBeSent && !this.#stop.signal.aborted;
      if (!mayWait || await deadline(this.#changed.promise, leftMs) === LATE) {
        this.#deps.metrics.passedOn.inc({ outcome: "no_leader" });
        return this.refuse(request, noService());
      }
    }
  }

  #openLeading(): Leading | undefined {
    return this.term !== undefined && !this.#isLeaving ? this.#leading : undefined;
  }

  async #pass(held: HeldRequest, url: string, election: Election) {
    const { hop, ca } = election;
    const gone = this.#leaders.gone(this.#elector!.seen!.term);
    const slowReaderMs = election.slowReaderMs();
    this.#passing++;
    const onClose = () => this.#passing--;
    const reply = await passOn(held, { ...{ url, hop, ca, gone, slowReaderMs, onClose } });
    if (reply instanceof Response) this.#deps.metrics.passedOn.inc({ outcome: "answered" });
    else onClose();
    if (reply instanceof Response || reply.mayHaveArrived) this.#unreachedSince = undefined;
    else this.#unreachedSince ??= performance.now();
    return reply;
  }

  /** Looks whether the one that leads can be reached again: without requests, nothing else would tell. */
  async #probe(): Promise<void> {
    const url = this.leaderUrl;
    if (this.#isProbing || url === undefined) return;
    this.#isProbing = true;
    try {
      const client = this.#deps.election!.http;
      const signal = AbortSignal.timeout(PROBE_MS);
      const reply = await fetch(`${url}/health`, { signal, ...defined({ client }) });
      await reply.body?.cancel();
      if (reply.ok) this.#unreachedSince = undefined;
    } catch {
      // It cannot.
    } finally {
      this.#isProbing = false;
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #change(work: () => Promise<void>): Promise<void> {
    const done = this.#changing.then(work).finally(() => this.#wake());
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

function noService(): LlorchError {
  const message = "No orchestrator leads yet: try again in a moment";
  return new LlorchError("NOT_READY", message, { retryAfterMs: RETRY_AFTER_MS });
}

function notLeader(): LlorchError {
  const message = "This orchestrator does not lead, and passes on nothing that was passed on to it";
  return new LlorchError("NOT_LEADER", message, { retryAfterMs: RETRY_AFTER_MS });
}

function unknownOutcome(reason: string): LlorchError {
  const message = `The orchestrator that leads went away before it answered (${reason}): the ` +
    "request may have been carried out. With an Idempotency-Key it can be sent again";
  return new LlorchError("NOT_READY", message, { retryAfterMs: RETRY_AFTER_MS });
}
