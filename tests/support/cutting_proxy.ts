/** A TCP proxy between two processes that breaks their connections when a test says so. */
export class CuttingProxy {
  readonly hostname: string;
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #target: Deno.ConnectOptions;
  readonly #open = new Set<Deno.TcpConn>();

  /**
   * @param target URL that connections are forwarded to, e.g. `http://127.0.0.1:8080`.
   * @param at Address to listen on; by default any free port.
   */
  constructor(target: string, at: { hostname?: string; port?: number } = {}) {
    const { hostname, port } = new URL(target);
    this.#target = { hostname, port: Number(port) };
    this.hostname = at.hostname ?? "127.0.0.1";
    this.#listener = Deno.listen({ hostname: this.hostname, port: at.port ?? 0 });
    this.port = this.#listener.addr.port;
    void this.#accept();
  }

  get url(): string {
    return `http://${this.hostname}:${this.port}`;
  }

  /** Breaks every open connection; new ones are forwarded as before. */
  cut(): void {
    for (const connection of this.#open) close(connection);
    this.#open.clear();
  }

  close(): void {
    close(this.#listener);
    this.cut();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) void this.#join(client);
  }

  async #join(client: Deno.TcpConn): Promise<void> {
    let server: Deno.TcpConn;
    try {
      server = await Deno.connect(this.#target);
    } catch {
      return close(client);
    }
    const both = [client, server];
    for (const each of both) this.#open.add(each);
    await Promise.allSettled([
      client.readable.pipeTo(server.writable),
      server.readable.pipeTo(client.writable),
    ]);
    for (const each of both) {
      this.#open.delete(each);
      close(each);
    }
  }
}

function close(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // The other side has closed it already.
  }
}
