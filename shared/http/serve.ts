import { deadline, LATE } from "../deadline.ts";
import { getRequestListener, type HttpBindings, RequestError } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { KEEP_ALIVE_MS, MAX_HEADER_BYTES } from "../defaults.ts";
import { errorMessage, LlorchError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import { errorReply } from "./error_reply.ts";
import { ConnectionBound } from "./connection_bound.ts";
import { Connections } from "./connections.ts";
import { headerRecord } from "./header_record.ts";
import { Looks } from "./looks.ts";
import { watchListener } from "./listener_watch.ts";
import { StreamResponse, writeStream } from "./stream_response.ts";
import { takeWaiting, untilQuiet } from "./take_waiting.ts";
import type { ServerTls } from "./tls.ts";
import { urlHost } from "./url_host.ts";
import { WholeResponse, writeWhole } from "./whole_response.ts";

/** A listening server. */
export interface Server {
  /** Where it listens, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** Connections that may be open at once, as far as is known; undefined without a limit. */
  readonly maxConnections: number | undefined;
  /** Connections that are open now. */
  readonly connections: number;
  /**
   * Takes no new connections; requests on those that are open are still answered. With `awaitsClients`, it waits until
   * each of these has sent its first request, for at most `ms`. Later calls wait for the first.
   *
   * @default 1000
   */
  stopListening(ms?: number): Promise<void>;
  /**
   * Answers new requests with `NOT_READY`, waits for running ones, and cuts them off after `deadlineMs`: those that
   * have no answer get `NOT_READY` too. With 0 everything is cut off at once; else the last clients that have
   * connected are answered; with `awaitsClients` this may take up to two seconds more.
   *
   * @default 5000
   */
  close(deadlineMs?: number): Promise<void>;
}

/** Where to listen; port 0 means any free one. */
export interface ListenOptions {
  readonly hostname: string;
  readonly port: number;
  /** Serves HTTPS instead of HTTP. */
  readonly tls?: ServerTls | undefined;
  /** Limits of connections; absent: none. */
  readonly limits?: ConnectionLimits;
  /** Logs errors that belong to no request. */
  readonly log?: Pick<Logger, "error" | "info" | "warn">;
  /**
   * Whether clients that may never retry connect to it. Then it is closed only after a moment without a new
   * connection, 500 ms at most, and who has connected may still send a first request.
   *
   * @default false
   */
  readonly awaitsClients?: boolean;
  /** How often the listener is checked, in milliseconds. @default 10000 */
  readonly checkListenerMs?: number;
  /** Replies to requests that the server itself refuses. @default errors in llorch's own dialect */
  readonly refuse?: Refuse;
}

/** Makes an error reply to a request that did not reach the handler. */
export type Refuse = (request: Request, error: LlorchError) => Response;

const refuseOwn: Refuse = (_, error) => errorReply(error, crypto.randomUUID());

/** Limits of connections. */
export interface ConnectionLimits {
  /**
   * Most open connections; fewer if the system's limit of open files requires it. A new one beyond
   * this closes an idle one.
   */
  readonly maxConnections: number;
  /** A connection without a request is closed after this time, in ms. */
  readonly keepAliveMs?: number;
  /** Longest URL and headers of a request, in bytes. @default 16 KiB */
  readonly maxHeaderBytes?: number;
  /** A request's head must arrive within this time, in ms; otherwise the reply is 408. */
  readonly headerTimeoutMs: number;
  /**
   * When `maxConnections` are open, one whose request takes longer to arrive may be closed, in ms.
   *
   * @default 1500
   */
  readonly arrivalMs?: number;
}

/** How often connections are checked for timeouts, in ms; more often if the timeout is shorter. */
const CHECK_CONNECTIONS_MS = 5_000;

/** How long a client that has connected may take to send its first request to a server that stops, in ms. */
const FIRST_REQUEST_MS = 1_000;

/** How long the replies that refuse the last requests may take to be sent, in ms. */
const LAST_REPLIES_MS = 500;

/** Longest head of a request that is parsed, in bytes; the reply to a longer one is a bare 431. */
const MAX_PARSED_BYTES = 64 * 1024;

/**
 * Listens for HTTP, or HTTPS.
 *
 * It uses Node's server, since Deno's does not notice a client that leaves before it is answered if
 * the request came in several packets (docs/adr/0011-node-http-server.md).
 *
 * @throws {LlorchError} `CONFLICT` when the port is taken, with what to do.
 */
export async function listen(
  { tls, hostname, port, limits, log, ...options }: ListenOptions,
  handler: (request: Request) => Response | Promise<Response>,
): Promise<Server> {
  const { checkListenerMs = 10_000, refuse = refuseOwn, awaitsClients = false } = options;
  /** Requests, and when their replies are over. */
  const running = new Map<ServerResponse, Promise<void>>();
  /** The same of those that came after close(). */
  const refused: typeof running = new Map();
  /** Those whose answer is decided: by their handler, or by close(). */
  const answered = new WeakSet<ServerResponse>();
  /** While the listener is being closed, no reply begins: its client might connect again at once. */
  let held: Promise<void> | undefined;
  const bound = limits && boundOf(limits, log);
  const onRefused = atMostEvery(
    FULL_LOG_MS,
    () => log?.warn("connections_full", { max: bound?.max }),
  );
  const allows = (open: number) => bound?.allows(open) ?? true;
  const connections = new Connections(allows, onRefused, limits?.arrivalMs, tls !== undefined);
  let isClosing = false;
  const respond = getRequestListener(
    async (request, bindings) => {
      const { incoming, outgoing } = bindings as HttpBindings;
      const refusal = refusalOf(incoming, limits?.maxHeaderBytes ?? MAX_HEADER_BYTES);
      if (refusal) return refuse(request, refusal);
      const response = isClosing ? stopping(refuse, request) : await handler(request);
      if (held) await held;
      if (answered.has(outgoing)) return RESPONSE_ALREADY_SENT;
      answered.add(outgoing);
      if (response instanceof StreamResponse) await writeStream(response, outgoing);
      else if (response instanceof WholeResponse) writeWhole(response, outgoing);
      else return response;
      return RESPONSE_ALREADY_SENT;
    },
    { overrideGlobalObjects: false, errorHandler: (error) => unanswerable(error, log) },
  );
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    connections.begin(incoming, outgoing);
    const requests = isClosing ? refused : running;
    const completed = new Promise<void>((resolve) => outgoing.once("close", resolve));
    requests.set(outgoing, completed);
    void completed.finally(() => requests.delete(outgoing));
    void respond(incoming, outgoing);
  };
  const serverOptions = {
    maxHeaderSize: MAX_PARSED_BYTES,
    ...(limits && {
      keepAliveTimeout: limits.keepAliveMs ?? KEEP_ALIVE_MS,
      headersTimeout: limits.headerTimeoutMs,
      connectionsCheckingInterval: Math.min(limits.headerTimeoutMs, CHECK_CONNECTIONS_MS),
    }),
  };
  const open = async (at: number) => {
    const server = tls
      ? createTlsServer({ ...serverOptions, ...tls }, onRequest)
      : createServer(serverOptions, onRequest);
    // Otherwise Node silently drops headers after the thousandth.
    server.maxHeadersCount = 0;
    server.on("connection", (socket: Socket) => connections.opened(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(cannotListen(error, `${hostname}:${at}`)));
      server.listen(at, hostname, resolve);
    });
    server.on("error", (error) => log?.error("listener_failed", { error }));
    return server;
  };
  let server = await open(port);
  const { port: boundPort, address } = server.address() as AddressInfo;
  const probing = (isProbing: boolean) => connections.spare = isProbing ? 1 : 0;
  const watch = limits && watchListener({
    address,
    port: boundPort,
    everyMs: checkListenerMs,
    accepted: () => connections.accepted,
    probing,
    async reopen() {
      log?.error("listener_deaf", { port: boundPort });
      // This closes only the listener: open connections go on.
      server.close();
      server = await open(boundPort);
      log?.info("listener_reopened", { port: boundPort });
    },
    onFailure: (error) => log?.error("listener_check_failed", { error }),
  });
  let closed = Promise.resolve();
  /**
   * Closes a spare listener, so that close() is compiled. The first call takes several ms, and connections that arrive
   * during it are reset.
   */
  const rehearseClose = async () => {
    // Not awaited: it would wait for anyone who has connected to this listener.
    (await open(0).catch(() => undefined))?.close();
  };
  const stop = async (ms: number) => {
    const looks = new Looks(ms);
    await watch?.close();
    const closing = Promise.withResolvers<void>();
    held = closing.promise;
    if (awaitsClients && ms > 0) {
      await rehearseClose();
      await untilQuiet(() => connections.acceptedAt);
    }
    await takeWaiting({
      address,
      port: boundPort,
      accepted: () => connections.accepted,
      has: (from) => connections.has(from),
      next: () => connections.changed(),
      probing,
    }, looks);
    closed = new Promise<void>((resolve) => server.close(() => resolve()));
    held = undefined;
    closing.resolve();
    while (awaitsClients && connections.withoutRequest > 0) {
      if (await looks.within(connections.changed()) === LATE) break;
    }
  };
  let stopped: Promise<void> | undefined;
  const stopListening = (ms = FIRST_REQUEST_MS) => stopped ??= stop(ms);
  return {
    stopListening,
    port: boundPort,
    url: `${tls ? "https" : "http"}://${urlHost(hostname)}:${boundPort}`,
    get maxConnections() {
      return bound?.max;
    },
    get connections() {
      return connections.size;
    },
    async close(deadlineMs = 5000) {
      isClosing = true;
      await settledWithin(running, deadlineMs);
      const isAtOnce = deadlineMs === 0;
      const late = isAtOnce ? [] : [...running.keys()];
      await stopListening(isAtOnce ? 0 : FIRST_REQUEST_MS);
      const last = late.filter((each) => !answered.has(each)).map(async (outgoing) => {
        answered.add(outgoing);
        const over = running.get(outgoing);
        await giveUp(outgoing, refuse);
        await over;
      });
      await new Looks(isAtOnce ? 0 : LAST_REPLIES_MS)
        .within(Promise.all([...last, ...refused.values()]));
      connections.closeAll();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A refused connection is logged at most once in this time, in milliseconds. */
const FULL_LOG_MS = 60_000;

function atMostEvery(ms: number, call: () => void): () => void {
  let last = -Infinity;
  return () => {
    if (performance.now() - last < ms) return;
    last = performance.now();
    call();
  };
}

function boundOf({ maxConnections }: ConnectionLimits, log: ListenOptions["log"]) {
  return new ConnectionBound(maxConnections, (max) => {
    if (max < maxConnections) log?.warn("connections_bounded", { max, configured: maxConnections });
  });
}

/** Checks the head of a request: undefined if it may go on. */
function refusalOf(
  { rawHeaders, url = "" }: IncomingMessage,
  maxHeaderBytes: number,
): LlorchError | undefined {
  let size = url.length;
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    size += name.length + rawHeaders[at + 1]!.length + 4;
    if (name.length === 4 && name.toLowerCase() === "host") hosts++;
  }
  // A proxy and we might each use a different one of the two.
  if (hosts > 1) {
    return new LlorchError("INVALID_REQUEST", "Cannot take a request with two Host headers");
  }
  if (size <= maxHeaderBytes) return undefined;
  return new LlorchError(
    "HEADERS_TOO_LARGE",
    `Cannot take a URL and headers of more than ${maxHeaderBytes} bytes together`,
  );
}

/** The reply if the received bytes could not be made into a request, or its handling failed. */
function unanswerable(error: unknown, log: ListenOptions["log"]): Response {
  const failure = error instanceof RequestError
    ? new LlorchError("INVALID_REQUEST", `Cannot read the request: ${error.message}`)
    : new LlorchError("INTERNAL", "The request failed", { cause: error });
  if (failure.code === "INTERNAL") log?.error("request_failed", { error });
  return errorReply(failure, crypto.randomUUID());
}

function cannotListen(error: Error, at: string): LlorchError {
  return (error as { code?: string }).code === "EADDRINUSE"
    ? new LlorchError(
      "CONFLICT",
      `Cannot listen on ${at}: the port is in use; choose another with --port, or 0 for any free one`,
      { cause: error },
    )
    : new LlorchError("INTERNAL", `Cannot listen on ${at}: ${errorMessage(error)}`, {
      cause: error,
    });
}

/** Whether all of `running`, including what is added meanwhile, settles within `ms`. */
async function settledWithin(
  running: ReadonlyMap<unknown, Promise<void>>,
  ms: number,
): Promise<boolean> {
  const giveUpAt = performance.now() + ms;
  while (running.size > 0) {
    const leftMs = Math.max(0, giveUpAt - performance.now());
    if (await deadline(Promise.allSettled(running.values()), leftMs) === LATE) break;
  }
  return running.size === 0;
}

const LOCAL = "http://localhost";

/** Answers a request whose handler has not, because the server stops. */
async function giveUp(outgoing: ServerResponse, refuse: Refuse): Promise<void> {
  // The path decides the form of the error; a target that is no path has the usual form.
  const { href } = URL.parse(outgoing.req.url ?? "/", LOCAL) ?? new URL(LOCAL);
  const reply = stopping(refuse, new Request(href));
  outgoing.writeHead(reply.status, headerRecord(reply.headers));
  outgoing.end(await reply.text());
}

function stopping(refuse: Refuse, request: Request): Response {
  const error = new LlorchError("NOT_READY", "This daemon is stopping", { retryAfterMs: 1000 });
  const response = refuse(request, error);
  response.headers.set("connection", "close");
  return response;
}
