/** A request that went through a {@linkcode RecordingProxy}, and its reply's status. */
export interface Exchange {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** Sorted by name, in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  readonly status: number;
  /** The reply's body as far as it came; complete once the request has ended. */
  readonly reply: () => string;
}

/** Headers that belong to one connection: they are not passed on. */
const OF_CONNECTION = ["connection", "host", "content-length", "transfer-encoding", "keep-alive"];

/** An HTTP proxy in front of a server that keeps all requests. */
export class RecordingProxy {
  /** Requests in the order of their replies; the list grows. */
  readonly exchanges: Exchange[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** @param target URL of the server, e.g. `http://127.0.0.1:8080`. */
  constructor(target: string) {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#pass(request, target));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  async close(): Promise<void> {
    await this.#server.shutdown();
  }

  async #pass(request: Request, target: string): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const path = pathname + search;
    const { method, signal } = request;
    const headers = [...request.headers];
    const body = await request.text();
    const reply = await fetch(target + path, {
      method,
      headers: headers.filter(([name]) => !OF_CONNECTION.includes(name)),
      redirect: "manual",
      signal,
      ...(body === "" ? {} : { body }),
    });
    const decoder = new TextDecoder();
    let text = "";
    this.exchanges.push({ method, path, headers, body, status: reply.status, reply: () => text });
    const kept = reply.body?.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(part, controller) {
          text += decoder.decode(part, { stream: true });
          controller.enqueue(part);
        },
      }),
    );
    return new Response(kept ?? null, { status: reply.status, headers: reply.headers });
  }
}
