import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A TCP proxy that carries nothing, in one direction or both, while a test says so. */
export class StallingProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs = new Set<{ readonly client: Socket; readonly server: Socket }>();
  #isStalled = false;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** Opens one on any free port of loopback. */
  static async open(target: { readonly host: string; readonly port: number }) {
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const proxy = new StallingProxy(listener);
    listener.on("connection", (client) => proxy.#join(client, connect(target)));
    return proxy;
  }

  /** Carries nothing more; connections stay open, and new ones are accepted. */
  stall(): void {
    this.#isStalled = true;
    for (const { client, server } of this.#pairs) {
      client.pause();
      server.pause();
    }
  }

  /** Carries on, also what has waited. */
  heal(): void {
    this.#isStalled = false;
    for (const { client, server } of this.#pairs) {
      client.resume();
      server.resume();
    }
  }

  close(): void {
    this.#server.close();
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
  }

  #join(client: Socket, server: Socket): void {
    const pair = { client, server };
    this.#pairs.add(pair);
    for (const [from, to] of [[client, server], [server, client]] as const) {
      from.on("data", (bytes) => {
        if (to.write(bytes)) return;
        from.pause();
        to.once("drain", () => {
          if (!this.#isStalled) from.resume();
        });
      });
      from.on("error", () => {});
      from.on("close", () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
      if (this.#isStalled) from.pause();
    }
  }
}
