import { defined, parseJson } from "../json.ts";
import { LinkedAbort } from "../aborts.ts";
import { systemClock } from "../clock.ts";
import type { Route, RouteCall, RouteResult } from "../contracts/route.ts";
import { ownDialect } from "../contracts/dialect.ts";
import { HEADERS } from "../defaults.ts";
import { errorMessage } from "../errors.ts";
import { readSseBatches, type SseMessage } from "./sse.ts";

/** The peer could not be reached, hung up, or took too long: nothing is known about what it did. */
export class TransportError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "TransportError";
  }
}

/** Something answered, though not as the contract says: most likely another program. */
export class ForeignReplyError extends TransportError {}

/** Where a client talks to, and as whom. */
export interface ClientOptions {
  /** e.g. `http://127.0.0.1:8080`. */
  readonly baseUrl: string;
  /** Bearer token. */
  readonly token?: string | undefined;
  /**
   * Deadline of a JSON call, and of a stream's first byte.
   *
   * @default 30_000
   */
  readonly timeoutMs?: number;
  /** The transport, from `trusting()`; by default Deno's own. */
  readonly http?: Deno.HttpClient | undefined;
  /** The transport of event streams where it is another one, from `streamTransport()`. */
  readonly openEvents?: ((request: EventsRequest) => Promise<EventsReply>) | undefined;
}

/** A request for an event stream, ready to be sent. */
export interface EventsRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  /** Gives up waiting for the head of the reply. */
  readonly signal: AbortSignal | undefined;
}

/** A reply, and its body in one of two ways. */
export interface EventsReply {
  readonly status: number;
  /** All of the body, as text. */
  text(): Promise<string>;
  /**
   * The events of the body, those that came together at once. The signal ends the stream at any
   * time, and so does leaving the loop.
   */
  batches(signal: AbortSignal | undefined): AsyncGenerator<readonly SseMessage[]>;
}

/** What one call may add. */
export interface CallOptions {
  /** Ends the call, and a stream at any time. */
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
  readonly correlationId?: string | undefined;
}

/** A stream that has begun. */
export interface OpenStream {
  readonly status: number;
  readonly events: AsyncGenerator<SseMessage>;
  /** The same, those that came together at once; read one of the two. */
  readonly batches: AsyncGenerator<readonly SseMessage[]>;
}

/** A typed client of one daemon; see {@linkcode createClient}. */
export interface Client {
  readonly baseUrl: string;
  /** Calls a JSON route and validates the reply. */
  call<R extends Route>(
    route: R,
    input: RouteCall<R>,
    options?: CallOptions,
  ): Promise<RouteResult<R>>;
  /** Calls a text route. */
  text<R extends Route>(route: R, input: RouteCall<R>, options?: CallOptions): Promise<string>;
  /** Opens an SSE route; the signal ends it at any time. A 204 is a stream without events. */
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
    const headers: Record<string, string> = { accept };
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

  /** Runs `work` under the call's own signal and a deadline. */
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
      // The deadline is that of the first byte; the signal holds for the whole stream.
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

/** What ends a call: its caller's signal, or the clock. */
interface Limit {
  readonly signal: AbortSignal;
  /** Whether the clock ended it. */
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
      ...defined({ body }),
      ...(signal ? { signal } : {}),
      ...(client ? { client } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw cannotReach(url, error);
  }
}

/** The innermost reason, which names what is wrong, and for certificates what to do. */
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

/** What its owner can do about a certificate that is refused for more than that nobody knows its authority. */
export function certificateFix(reason: string): string | undefined {
  if (/expired/i.test(reason)) return "renew its certificate, or set the clocks";
  if (/not ?valid ?yet/i.test(reason)) return "set the clocks: its certificate is of the future";
  if (/NotValidForName/i.test(reason)) return "its certificate must name the host that is called";
  if (!/CaUsedAsEndEntity/i.test(reason)) return undefined;
  return "it serves with an authority's certificate: give it one of its own";
}

/** A reply of `fetch` as a stream of events. */
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

/** The peer's own error where it sent one, else one that names the status. */
function replyError({ dialect }: Route, status: number, text: string, url: string): Error {
  const json = parseJson(text);
  // A daemon that has no such route answers in its own words.
  const sent = dialect?.readError(json) ?? ownDialect.readError(json);
  return sent ?? new ForeignReplyError(`${url} answered ${status} ${text.slice(0, 200)}`.trim());
}

/** The body of a reply that says what went wrong, if it comes at all. */
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
