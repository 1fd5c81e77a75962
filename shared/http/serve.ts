import { errorMessage, LlorchError } from "../errors.ts";

/** A listening server. */
export interface Server {
  /** Where it listens, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** Stops accepting, waits for what runs, and cuts it after `deadlineMs`. */
  close(deadlineMs?: number): Promise<void>;
}

/** Where to listen; port 0 means any free one. */
export interface ListenOptions {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Listens for HTTP.
 *
 * @throws {LlorchError} `CONFLICT` when the port is taken, with what to do.
 */
export function listen(
  options: ListenOptions,
  handler: (request: Request) => Response | Promise<Response>,
): Server {
  const stop = new AbortController();
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = Deno.serve({ ...options, signal: stop.signal, onListen: () => {} }, handler);
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
    url: `http://${host}:${port}`,
    async close(deadlineMs = 5000) {
      const timer = setTimeout(() => stop.abort(), deadlineMs);
      try {
        await server.shutdown();
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
