import { deadline, LATE } from "#shared/deadline.ts";
import { HEADERS } from "#shared/defaults.ts";
import { LlorchError, toLlorchError } from "#shared/errors.ts";
import { secretsEqual } from "#shared/http/auth.ts";
import { defined } from "#shared/json.ts";
import type { Logger } from "#shared/logging.ts";
import { HeldRequest } from "./cluster/held_request.ts";
import { Leaders } from "./cluster/leaders.ts";
import { type NoReply, passOn } from "./cluster/pass_on.ts";
import type { OrchestratorMetrics } from "./metrics.ts";

/** When a client may ask again while there is no service, in ms. */
const RETRY_AFTER_MS = 1_000;

/** One that does not answer a probe within this time cannot be reached, in ms. */
const PROBE_MS = 1_500;

/** Streams that another leader goes on with, after the last event that the client has. */
const RESUMABLE = /^\/v2\/(tasks\/[^/]+\/)?events$/;

/** How requests are passed on. */
export interface PassingOptions {
  /** Proves to another one that an orchestrator passes a request on. */
  readonly hop: string;
  /** Certificates in PEM to trust in addition to the usual authorities. */
  readonly ca: string | undefined;
  /** The transport to other orchestrators, for probes. */
  readonly http: Deno.HttpClient | undefined;
  /** How long a request waits for one that leads, in ms. */
  readonly waitMs: number;
  /** How long streams may go on at one that leads no more, in ms. */
  readonly streamsMs: () => number;
  /** A client that reads nothing for this long is cut off, in ms. */
  readonly slowReaderMs: () => number;
}

/** Who can answer requests, as {@linkcode Passing} asks each time. */
export interface Answerers {
  /** The service of this process, if it can answer a request of that path now. */
  here(path: string): { fetch(request: Request): Promise<Response> } | undefined;
  /** Where the one that leads is, if that is another one and it is known. */
  elsewhere(): { readonly url: string; readonly term: number } | undefined;
  /** Whether this process leads, even if its service has not begun or may not decide now. */
  isHolder(): boolean;
  /** Whether the database did not answer the last time that this process looked who leads. */
  isCutOff(): boolean;
  /** Makes an error reply. */
  refuse(request: Request, error: LlorchError): Response;
}

/**
 * Answers requests by the service that leads, in this process or in another one. While there is none, requests
 * wait.
 */
export class Passing {
  readonly #options: PassingOptions;
  readonly #answerers: Answerers;
  readonly #log: Logger;
  readonly #metrics: OrchestratorMetrics;
  readonly #leaders: Leaders;
  #term = 0;
  #open = 0;
  /** Since when the one that leads could not be reached, in ms of `performance.now()`; undefined: it could. */
  #unreachedSince: number | undefined;
  #isProbing = false;
  #isClosed = false;
  /** Resolves when something has changed for requests that wait. */
  #changed = Promise.withResolvers<void>();

  constructor(
    options: PassingOptions,
    answerers: Answerers,
    { log, metrics }: { readonly log: Logger; readonly metrics: OrchestratorMetrics },
  ) {
    this.#options = options;
    this.#answerers = answerers;
    this.#log = log;
    this.#metrics = metrics;
    this.#leaders = new Leaders(options.streamsMs);
  }

  /** Requests that are passed on now. */
  get open(): number {
    return this.#open;
  }

  /** To be called with each term that is seen. */
  saw(term: number): void {
    if (term !== this.#term) this.#unreachedSince = undefined;
    this.#term = term;
    this.#leaders.saw(term);
    this.changed();
  }

  /** To be called when who can answer has changed. */
  changed(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** Refuses what waits, and ends what is passed on. */
  close(): void {
    this.#isClosed = true;
    this.#leaders.close();
    this.changed();
  }

  /** Whether the one that leads could not be reached for longer than requests wait. */
  get isUnreached(): boolean {
    if (this.#unreachedSince === undefined) return false;
    void this.#probe();
    return performance.now() - this.#unreachedSince > this.#options.waitMs;
  }

  /** @param path The path that the request means. */
  async answer(request: Request, path: string): Promise<Response> {
    const { here, elsewhere, isHolder, isCutOff, refuse } = this.#answerers;
    const { hop, waitMs } = this.#options;
    const isHop = secretsEqual(request.headers.get(HEADERS.hop) ?? "", hop);
    let held: HeldRequest;
    try {
      held = await HeldRequest.of(request);
    } catch (error) {
      return refuse(request, toLlorchError(error));
    }
    let until = performance.now() + waitMs;
    for (;;) {
      const own = here(path);
      const leader = elsewhere();
      if (own) {
        held.sent();
        const reply = await own.fetch(held.request);
        // Refused because it leads no more: the next one may take it.
        const isRefused = reply.status === 503 && held.canBeSent && here(path) !== own;
        if (!isRefused) return reply;
        await reply.body?.cancel();
      } else if (isHop && !isHolder()) return refuse(request, notLeader());
      else if (leader && !isHop) {
        const reply = await this.#pass(held, leader, path);
        if (reply instanceof Response) return reply;
        // Nobody reads it.
        if (request.signal.aborted) return new Response(null, { status: 499 });
        if (reply.mayHaveArrived && !held.isRepeatable) {
          this.#metrics.passedOn.inc({ outcome: "unknown" });
          return refuse(request, unknownOutcome(reply.reason));
        }
        this.#log.info("not_passed_on", { to: leader.url, reason: reply.reason });
        // The time in which that one did not answer is no wait for another one.
        if (reply.mayHaveArrived) until = performance.now() + waitMs;
        if (held.canBeSent && this.#term !== leader.term) continue;
      }
      const leftMs = until - performance.now();
      const mayWait = leftMs > 0 && held.canBeSent && !this.#isClosed;
      if (!mayWait || await deadline(this.#changed.promise, leftMs) === LATE) {
        this.#metrics.passedOn.inc({ outcome: "no_leader" });
        return refuse(request, isCutOff() ? noDatabase() : noService());
      }
    }
  }

  async #pass(
    held: HeldRequest,
    { url, term }: { readonly url: string; readonly term: number },
    path: string,
  ): Promise<Response | NoReply> {
    const { hop, ca, slowReaderMs } = this.#options;
    const onClose = () => this.#open--;
    this.#open++;
    const reply = await passOn(held, {
      ...{ url, hop, ca, onClose },
      // A leader that hangs answers nothing; one that stops answers what it has.
      unanswered: held.isRepeatable ? this.#leaders.superseded(term) : this.#leaders.gone(term),
      // Of a leader that hangs, only its streams that can be resumed elsewhere end at once.
      gone: RESUMABLE.test(path) ? this.#leaders.superseded(term) : this.#leaders.gone(term),
      slowReaderMs: slowReaderMs(),
    });
    if (reply instanceof Response) this.#metrics.passedOn.inc({ outcome: "answered" });
    else onClose();
    if (reply instanceof Response || reply.mayHaveArrived) this.#unreachedSince = undefined;
    else this.#unreachedSince ??= performance.now();
    return reply;
  }

  /** Looks whether the one that leads can be reached again: without requests, nothing else would tell. */
  async #probe(): Promise<void> {
    const leader = this.#answerers.elsewhere();
    if (this.#isProbing || !leader) return;
    this.#isProbing = true;
    try {
      const signal = AbortSignal.timeout(PROBE_MS);
      const init = { signal, ...defined({ client: this.#options.http }) };
      const reply = await fetch(`${leader.url}/health`, init);
      await reply.body?.cancel();
      if (reply.ok) this.#unreachedSince = undefined;
    } catch {
      // It cannot.
    } finally {
      this.#isProbing = false;
    }
  }
}

/** The reply while there is no service. */
export function noService(): LlorchError {
  const message = "No orchestrator leads yet: try again in a moment";
  return new LlorchError("NOT_READY", message, { retryAfterMs: RETRY_AFTER_MS });
}

function noDatabase(): LlorchError {
  const message = "No orchestrator can lead, because the database does not answer: try again later";
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
