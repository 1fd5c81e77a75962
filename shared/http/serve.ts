import { errorMessage, LlorchError } from "../errors.ts";
import { errorResponse } from "./app.ts";
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
}

/**
 * Listens for HTTP, or HTTPS.
 *
 * @throws {LlorchError} `CONFLICT` when the port is taken, with what to do.
 */
export function listen(
  { tls, ...options }: ListenOptions,
  handler: (request: Request) => Response | Promise<Response>,
): Server {
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  let isClosing = false;
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve(
      { ...options, ...tls, signal: stop.signal, onListen: () => {} },
      (request, { completed }) => {
        if (isClosing) return stopping(request);
        running.add(completed);
        completed.catch(() => {}).finally(() => running.delete(completed));
        return handler(request);
      },
    );
  } catch (error) {
    const at = `${options.hostname}:${options.port}`;
    if (error instanceof Deno.errors.AddrInUse) {
      throw new LlorchError(
        "CONFLICT",
        `Cannot listen on ${at}: the port is in use; choose another with --port, or 0 for any free one`,
        { cause: error },
      );
    }
    throw new LlorchError("INTERNAL", `Cannot listen on ${at}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  const { port } = server.addr;
  const host = options.hostname.includes(":") ? `[${options.hostname}]` : options.hostname;
  return {
    port,
    url: `${tls ? "https" : "http"}://${host}:${port}`,
    async close(deadlineMs = 5000) {
      isClosing = true;
      // Deno throws from the abort of a server that is already shutting down: it is one or the other.
      const isIdle = await settledWithin(running, deadlineMs);
      if (isIdle) return await server.shutdown();
      stop.abort();
      await server.finished;
    },
  };
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
