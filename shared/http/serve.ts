import { deadline, LATE } from "../deadline.ts";
import { getRequestListener, type HttpBindings, RequestError } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { KEEP_ALIVE_MS } from "../defaults.ts";
import { errorMessage, LlorchError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import { errorReply } from "./error_reply.ts";
import { ConnectionBound } from "./connection_bound.ts";
import { Connections } from "./connections.ts";
import { watchListener } from "./listener_watch.ts";
import { StreamResponse, writeStream } from "./stream_response.ts";
import type { ServerTls } from "./tls.ts";
import { urlHost } from "./url_host.ts";

/** A listening server. */
export interface Server {
  /** Where it listens, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** Connections that may be open at once, as far as is known; undefined where nothing bounds them. */
  readonly maxConnections: number | undefined;
  /** Connections that are open now. */
  readonly connections: number;
  /**
   * Answers new requests with `NOT_READY`, waits for those that run, and cuts them after
   * `deadlineMs`.
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
  /** What clients may take of the server before they have asked for anything. */
  readonly limits?: ConnectionLimits;
  /** Gets what goes wrong outside of every request. */
  readonly log?: Pick<Logger, "error" | "info" | "warn">;
  /** How often the listener is checked, in milliseconds. @default 10000 */
  readonly checkListenerMs?: number;
  /** Answers what the server refuses itself. @default errors in llorch's own shape */
  readonly refuse?: Refuse;
}

/** An error as the reply to a request that never came to the handler. */
export type Refuse = (request: Request, error: LlorchError) => Response;

const refuseOwn: Refuse = (_, error) => errorReply(error, crypto.randomUUID());

/** Bounds of connections. */
export interface ConnectionLimits {
  /** Open at once, if the limit of descriptors allows as many; for one more an idle one is closed. */
  readonly maxConnections: number;
  /** A connection without a request is closed after this time, in ms. */
  readonly keepAliveMs?: number;
  /** A request's head must come within this time, in ms, or is answered 408. */
  readonly headerTimeoutMs: number;
  /** At the bound, a request that takes longer to arrive makes room, in ms. @default 1500 */
  readonly arrivalMs?: number;
}

/** Connections are looked at this often, in ms, or as often as their time runs out. */
const CHECK_CONNECTIONS_MS = 5_000;

/** A request's head may have so many bytes; a longer one is answered 431. */
const MAX_HEADER_BYTES = 64 * 1024;

/**
 * Listens for HTTP, or HTTPS.
 *
 * Node's server, not Deno's own: that one does not notice a client that goes away before it is
 * answered when the request did not come in one packet (docs/adr/0011-node-http-server.md).
 *
 * @throws {LlorchError} `CONFLICT` when the port is taken, with what to do.
 */
export async function listen(
  { tls, hostname, port, limits, log, checkListenerMs = 10_000, refuse = refuseOwn }: ListenOptions,
  handler: (request: Request) => Response | Promise<Response>,
): Promise<Server> {
  const running = new Set<Promise<void>>();
  const bound = limits && boundOf(limits, log);
  const onRefused = atMostEvery(
    FULL_LOG_MS,
    () => log?.warn("connections_full", { max: bound?.max }),
  );
  const allows = (open: number) => bound?.allows(open) ?? true;
  const connections = new Connections(allows, onRefused, limits?.arrivalMs);
  let isClosing = false;
  const respond = getRequestListener(
    async (request, bindings) => {
      const { incoming, outgoing } = bindings as HttpBindings;
      if (countHosts(incoming) > 1) return refuse(request, twoHosts());
      const response = isClosing ? stopping(refuse, request) : await handler(request);
      if (!(response instanceof StreamResponse)) return response;
      await writeStream(response, outgoing);
      return RESPONSE_ALREADY_SENT;
    },
    { overrideGlobalObjects: false, errorHandler: (error) => unanswerable(error, log) },
  );
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    connections.begin(incoming, outgoing);
    if (!isClosing) {
      const completed = new Promise<void>((resolve) => outgoing.once("close", resolve));
      running.add(completed);
      void completed.finally(() => running.delete(completed));
    }
    void respond(incoming, outgoing);
  };
  const options = {
    maxHeaderSize: MAX_HEADER_BYTES,
    ...(limits && {
      keepAliveTimeout: limits.keepAliveMs ?? KEEP_ALIVE_MS,
      headersTimeout: limits.headerTimeoutMs,
      connectionsCheckingInterval: Math.min(limits.headerTimeoutMs, CHECK_CONNECTIONS_MS),
    }),
  };
  const open = async (at: number) => {
    const server = tls
      ? createTlsServer({ ...options, ...tls }, onRequest)
      : createServer(options, onRequest);
    // Without it, headers beyond the thousandth would be dropped in silence.
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
  const watch = limits && watchListener({
    address,
    port: boundPort,
    everyMs: checkListenerMs,
    accepted: () => connections.accepted,
    probing: (isProbing) => connections.spare = isProbing ? 1 : 0,
    async reopen() {
      log?.error("listener_deaf", { port: boundPort });
      // Its connections go on.
      server.close();
      server = await open(boundPort);
      log?.info("listener_reopened", { port: boundPort });
    },
    onFailure: (error) => log?.error("listener_check_failed", { error }),
  });
  let closed: Promise<void> | undefined;
  return {
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
      await watch?.close();
      closed ??= new Promise<void>((resolve) => server.close(() => resolve()));
      connections.closeAll();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** It is logged at most so often that there is no place for another connection, in milliseconds. */
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

function countHosts({ rawHeaders }: IncomingMessage): number {
  return rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === "host").length;
}

/** Proxies and we could each believe another one of them. */
function twoHosts(): LlorchError {
  return new LlorchError("INVALID_REQUEST", "Cannot take a request with two Host headers");
}

/** Where there is no request to answer, since none could be made of what came. */
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

/** Whether everything, and what comes to it meanwhile, settles within `ms`. */
async function settledWithin(running: ReadonlySet<Promise<void>>, ms: number): Promise<boolean> {
  const giveUpAt = performance.now() + ms;
  while (running.size > 0) {
    const leftMs = Math.max(0, giveUpAt - performance.now());
    if (await deadline(Promise.allSettled(running), leftMs) === LATE) break;
  }
  return running.size === 0;
}

function stopping(refuse: Refuse, request: Request): Response {
  const error = new LlorchError("NOT_READY", "This daemon is stopping", { retryAfterMs: 1000 });
  const response = refuse(request, error);
  response.headers.set("connection", "close");
  return response;
}
