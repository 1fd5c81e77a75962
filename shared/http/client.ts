import { defined, parseJson } from "../json.ts";
import { LinkedAbort } from "../aborts.ts";
import { systemClock } from "../clock.ts";
import type { Route, RouteCall, RouteResult } from "../contracts/route.ts";
import { ownDialect } from "../contracts/dialect.ts";
import { HEADERS } from "../defaults.ts";
import { errorMessage } from "../errors.ts";
import { readSseBatches, type SseMessage } from "./sse.ts";

/** The peer could not be reached, hung up, or took too long: it may have acted or not. */
export class TransportError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TransportError";
  }
}

/** The reply breaks the contract: most likely another program answered. */
export class ForeignReplyError extends TransportError {}

/** Options of {@linkcode createClient}. */
export interface ClientOptions {
  /** e.g. `http://127.0.0.1:8080`. */
  readonly baseUrl: string;
  /** Bearer token. */
  readonly token?: string | undefined;
  /** Sent with each call. */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Deadline of a JSON call, and of a stream's first byte, in ms.
   *
   * @default 30_000
   */
  readonly timeoutMs?: number;
  /** Transport from `trusting()`; default: Deno's own. */
  readonly http?: Deno.HttpClient | undefined;
  /** Transport of event streams, from `streamTransport()`; default: `fetch` with `http`. */
  readonly openEvents?: ((request: EventsRequest) => Promise<EventsReply>) | undefined;
}

/** A request for an event stream, ready to be sent. */
export interface EventsRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Ends the wait for the head of the reply. */
  readonly signal: AbortSignal | undefined;
}

/** A reply whose body is read in one of two ways. */
export interface EventsReply {
  readonly status: number;
  /** All of the body, as text. */
  text(): Promise<string>;
  /**
   * The events of the body, in one batch those that arrived together. Aborting the signal or
   * leaving the loop ends the stream.
   */
  batches(signal: AbortSignal | undefined): AsyncGenerator<readonly SseMessage[]>;
}

/** Options of one call. */
export interface CallOptions {
  /** Ends the call, and the stream that it opened. */
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  readonly correlationId?: string | undefined;
}

/** A stream that has begun. */
export interface OpenStream {
  readonly status: number;
  readonly events: AsyncGenerator<SseMessage>;
  /** The same events, in one batch those that arrived together. Read either this or `events`. */
  readonly batches: AsyncGenerator<readonly SseMessage[]>;
}

/** A typed client of one daemon; see {@linkcode createClient}. */
export interface Client {
  readonly baseUrl: string;
  /**
   * Calls a JSON route and validates the reply.
   *
   * @throws {LlorchError} The peer's own error.
   * @throws {TransportError} No reply, or none that the contract allows.
   */
  call<R extends Route>(
    route: R,
    input: RouteCall<R>,
    options?: CallOptions,
  ): Promise<RouteResult<R>>;
  /** Calls a text route; throws as {@linkcode call} does. */
  text<R extends Route>(route: R, input: RouteCall<R>, options?: CallOptions): Promise<string>;
  /** Opens an SSE route; throws as {@linkcode call} does. A 204 is a stream without events. */
  stream<R extends Route>(
    route: R,
    input: RouteCall<R>,
    options?: CallOptions,
  ): Promise<OpenStream>;
}

interface AnyCall {
  readonly params?: Record<string, unknown>;
  readonly query?: Record<string, unknown>;
  readonly headers?: Record<string, unknown>;
  readonly body?: unknown;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * A client whose calls are typed by the route descriptors.
 *
 * @throws {LlorchError} from its calls: the peer's own error
 * @throws {TransportError} from its calls: no reply, or none that the contract allows
 * @example
 * ```ts ignore
 * const client = createClient({ baseUrl: "http://127.0.0.1:8080" });
 * const { pools } = await client.call(orchestratorRoutes.pools, {});
 * ```
 */
export function createClient(options: ClientOptions): Client {
  const baseUrl = options.baseUrl.replace(/\/+$/, "");
  const openEvents = options.openEvents ??
    (async (request) => fetchedEvents(await reach(request, options.http)));

  function prepare(route: Route, input: AnyCall, accept: string, call: CallOptions): EventsRequest {
    const url = baseUrl + fillPath(route.path, input.params ?? {}) + queryString(input.query ?? {});
    const headers: Record<string, string> = { ...options.headers, accept };
    if (options.token !== undefined) headers["authorization"] = `Bearer ${options.token}`;
    if (call.correlationId !== undefined) headers[HEADERS.correlationId] = call.correlationId;
    for (const [name, value] of Object.entries(input.headers ?? {})) {
      if (value !== undefined) headers[name] = String(value);
    }
    const body = input.body === undefined ? undefined : JSON.stringify(input.body);
    if (body !== undefined) headers["content-type"] = "application/json";
    return { url, method: route.method, headers, body, signal: call.signal };
  }

  async function send(
    route: Route,
    input: AnyCall,
    accept: string,
    call: CallOptions,
  ): Promise<Response> {
    const request = prepare(route, input, accept, call);
    const response = await reach(request, options.http);
    if (response.ok) return response;
    throw replyError(route, response.status, await textOf(response), request.url);
  }

  /** Runs `work` under the call's signal and a deadline. */
  async function within<T>(
    call: CallOptions,
    what: string,
    work: (limit: Limit) => Promise<T>,
  ): Promise<T> {
    const timeoutMs = call.timeoutMs ?? options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const limit = limitCall(call.signal, timeoutMs);
    try {
      return await work(limit);
    } catch (error) {
      if (limit.isLate && !call.signal?.aborted) {
        throw new TransportError(`No reply from ${baseUrl} to ${what} within ${timeoutMs} ms`, {
          cause: error,
        });
      }
      throw error;
    } finally {
      limit.stopClock();
    }
  }

  return {
    baseUrl,
    call(route, input, call = {}) {
      return within(call, `${route.method} ${route.path}`, async ({ signal }) => {
        const response = await send(route, input as AnyCall, "application/json", {
          ...call,
          signal,
        });
        return parseReply(route, await readJson(response)) as RouteResult<typeof route>;
      });
    },
    text(route, input, call = {}) {
      return within(call, `${route.method} ${route.path}`, async ({ signal }) => {
        const response = await send(route, input as AnyCall, "*/*", { ...call, signal });
        return await response.text();
      });
    },
    stream(route, input, call = {}) {
      // The deadline is for the first byte; the call's signal is for the whole stream.
      return within(call, `${route.method} ${route.path}`, async ({ signal }) => {
        const request = prepare(route, input as AnyCall, "text/event-stream", { ...call, signal });
        const reply = await openEvents(request);
        const { status } = reply;
        if (status < 200 || status > 299) {
          throw replyError(route, status, await textOf(reply), request.url);
        }
        const batches = reply.batches(call.signal);
        return { status, batches, events: oneByOne(batches) };
      });
    },
  };
}

async function* oneByOne<T>(batches: AsyncGenerator<readonly T[]>): AsyncGenerator<T> {
  for await (const batch of batches) yield* batch;
}

/** The end of a call: by its caller's signal or by the deadline. */
interface Limit {
  readonly signal: AbortSignal;
  /** Whether the deadline ended it. */
  readonly isLate: boolean;
  stopClock(): void;
}

function limitCall(signal: AbortSignal | undefined, timeoutMs: number): Limit {
  const linked = new LinkedAbort(signal);
  let isLate = false;
  linked.abortAfter(timeoutMs, () => {
    isLate = true;
    return new DOMException("The deadline is over", "TimeoutError");
  }, systemClock);
  return {
    signal: linked.signal,
    get isLate() {
      return isLate;
    },
    stopClock: () => linked[Symbol.dispose](),
  };
}

async function reach(
  { url, method, headers, body, signal }: EventsRequest,
  client: Deno.HttpClient | undefined,
): Promise<Response> {
  try {
    return await fetch(url, {
      method,
      headers,
      redirect: "error",
      ...defined({ body, signal, client }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw cannotReach(url, error);
  }
}

/** An error with the innermost cause as its reason and, for certificates, what to do. */
export function cannotReach(url: string, error: unknown): TransportError {
  let reason = error;
  while (reason instanceof Error && reason.cause !== undefined) reason = reason.cause;
  const text = errorMessage(reason);
  const isCertificate = /certificate|UnknownIssuer/i.test(text);
  const fix = isCertificate ? `; ${certificateFix(text) ?? UNTRUSTED}` : "";
  const { origin } = new URL(url);
  return new TransportError(`Cannot reach ${origin}: ${text}${fix}`, { cause: error });
}

const UNTRUSTED = "name the authority that signed it in tls.ca, or for llorch in LLORCH_CA_FILE";

/** What to do about a refused certificate; undefined if its authority may only be unknown. */
export function certificateFix(reason: string): string | undefined {
  if (/expired/i.test(reason)) return "renew its certificate, or set the clocks";
  if (/not ?valid ?yet/i.test(reason)) return "set the clocks: its certificate is of the future";
  if (/NotValidForName/i.test(reason)) return "its certificate must name the host that is called";
  if (!/CaUsedAsEndEntity/i.test(reason)) return undefined;
  return "it serves with an authority's certificate: give it one of its own";
}

/** A reply of `fetch` as an {@linkcode EventsReply}. */
function fetchedEvents(response: Response): EventsReply {
  const { status, body } = response;
  return {
    status,
    text: () => response.text(),
    async *batches(signal) {
      if (body) yield* readSseBatches(body, signal);
    },
  };
}

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new ForeignReplyError(`${response.url} did not answer with JSON`, { cause: error });
    }
    throw error;
  }
}

function parseReply(route: Route, value: unknown): unknown {
  if (!route.reply) return undefined;
  const parsed = route.reply.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new ForeignReplyError(
    `The reply to ${route.method} ${route.path} is not what the contract says: ` +
      `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "unknown"}`,
  );
}

/** The peer's own error if it sent one, otherwise an error with the status. */
function replyError({ dialect }: Route, status: number, text: string, url: string): Error {
  const json = parseJson(text);
  // A daemon without this route answers in its own dialect.
  const sent = dialect?.readError(json) ?? ownDialect.readError(json);
  return sent ?? new ForeignReplyError(`${url} answered ${status} ${text.slice(0, 200)}`.trim());
}

/** The body of an error reply; empty if it cannot be read. */
function textOf(reply: { text(): Promise<string> }): Promise<string> {
  return reply.text().catch(() => "");
}

function fillPath(path: string, params: Record<string, unknown>): string {
  return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
}

function queryString(query: Record<string, unknown>): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return "";
  return "?" + new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]));
}
