import { getRequestListener, type HttpBindings, RequestError } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { errorMessage, LlorchError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import { errorResponse } from "./app.ts";
import { SseResponse, writeSse } from "./sse_response.ts";
import type { ServerTls } from "./tls.ts";

/** A listening server. */
export interface Server {
  /** Where it listens, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
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
  /** Is told of what goes wrong outside of every request. */
  readonly log?: Pick<Logger, "error">;
}

/** Bounds of connections. */
export interface ConnectionLimits {
  /** One more is closed. */
  readonly maxConnections: number;
  /** A request's head must come within this time, in ms, or is answered 408. */
  readonly headerTimeoutMs: number;
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
  { tls, hostname, port, limits, log }: ListenOptions,
  handler: (request: Request) => Response | Promise<Response>,
): Promise<Server> {
  const running = new Set<Promise<void>>();
  let isClosing = false;
  const respond = getRequestListener(
    async (request, bindings) => {
      const response = isClosing ? stopping(request) : await handler(request);
      if (!(response instanceof SseResponse)) return response;
      await writeSse(response, (bindings as HttpBindings).outgoing);
      return RESPONSE_ALREADY_SENT;
    },
    { overrideGlobalObjects: false, errorHandler: (error) => unanswerable(error, log) },
  );
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse) => {
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
      headersTimeout: limits.headerTimeoutMs,
      connectionsCheckingInterval: Math.min(limits.headerTimeoutMs, CHECK_CONNECTIONS_MS),
    }),
  };
  const server = tls
    ? createTlsServer({ ...options, ...tls }, onRequest)
    : createServer(options, onRequest);
  if (limits) server.maxConnections = limits.maxConnections;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(cannotListen(error, `${hostname}:${port}`)));
    server.listen(port, hostname, resolve);
  });
  // No descriptor left for a connection, for one; those that are open go on.
  server.on("error", (error) => log?.error("listener_failed", { error }));
  const bound = (server.address() as AddressInfo).port;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  let closed: Promise<void> | undefined;
  return {
    port: bound,
    url: `${tls ? "https" : "http"}://${host}:${bound}`,
    async close(deadlineMs = 5000) {
      isClosing = true;
      await settledWithin(running, deadlineMs);
      closed ??= new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** Where there is no request to answer, since none could be made of what came. */
function unanswerable(error: unknown, log: ListenOptions["log"]): Response {
  const failure = error instanceof RequestError
    ? new LlorchError("INVALID_REQUEST", `Cannot read the request: ${error.message}`)
    : new LlorchError("INTERNAL", "The request failed", { cause: error });
  if (failure.code === "INTERNAL") log?.error("request_failed", { error });
  return errorResponse(failure, new Request("http://localhost/"), crypto.randomUUID());
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
  let isLate = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      isLate = true;
      resolve();
    }, ms);
  });
  while (running.size > 0 && !isLate) await Promise.race([Promise.allSettled(running), late]);
  clearTimeout(timer);
  return running.size === 0;
}

function stopping(request: Request): Response {
  const error = new LlorchError("NOT_READY", "This daemon is stopping", { retryAfterMs: 1000 });
  const response = errorResponse(error, request, crypto.randomUUID());
  response.headers.set("connection", "close");
  return response;
}
