const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Posts JSON over one connection, one request after the other: HTTP by hand, at little cost. */
export class RawClient {
  readonly #connection: Deno.TcpConn;
  readonly #host: string;
  readonly #buffer = new Uint8Array(65_536);

  private constructor(connection: Deno.TcpConn, host: string) {
    this.#connection = connection;
    this.#host = host;
  }

  static async connect(url: string): Promise<RawClient> {
    const { hostname, port, host } = new URL(url);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    connection.setNoDelay(true);
    return new RawClient(connection, host);
  }

  /** The status of the reply, once all of it has come. */
  async post(path: string, body: unknown): Promise<number> {
    const text = JSON.stringify(body);
    const request = encoder.encode(
      `POST ${path} HTTP/1.1\r\nhost: ${this.#host}\r\ncontent-type: application/json\r\n` +
        `content-length: ${encoder.encode(text).length}\r\n\r\n${text}`,
    );
    for (let at = 0; at < request.length;) {
      at += await this.#connection.write(request.subarray(at));
    }
    let reply = "";
    while (true) {
      const read = await this.#connection.read(this.#buffer);
      if (read === null) throw new Error(`${this.#host} closed the connection`);
      reply += decoder.decode(this.#buffer.subarray(0, read));
      const head = reply.indexOf("\r\n\r\n");
      if (head < 0) continue;
      const length = Number(/content-length: *(\d+)/i.exec(reply)?.[1] ?? NaN);
      if (Number.isNaN(length)) throw new Error(`${this.#host} sent no length: ${reply}`);
      if (reply.length >= head + 4 + length) return Number(reply.split(" ", 2)[1]);
    }
  }

  close(): void {
    this.#connection.close();
  }
}
