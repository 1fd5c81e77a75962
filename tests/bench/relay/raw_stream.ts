/** Options of a raw stream. */
export interface RawRequest {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/**
 * Posts a request over a connection of its own and passes the body on as it comes, until its end. HTTP is
 * written by hand, so that measuring costs little and each read is one arrival.
 *
 * @param onText Called with each piece of the body's text and the time of its arrival, in ms.
 */
export async function rawStream(
  { url, headers = {}, body }: RawRequest,
  onText: (text: string, at: number) => void,
): Promise<void> {
  const { hostname, port, pathname } = new URL(url);
  const connection = await Deno.connect({ hostname, port: Number(port) });
  connection.setNoDelay(true);
  const text = JSON.stringify(body);
  const head = Object.entries({
    host: `${hostname}:${port}`,
    accept: "text/event-stream",
    "content-type": "application/json",
    "content-length": String(encoder.encode(text).length),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  try {
    await writeAll(connection, encoder.encode(`POST ${pathname} HTTP/1.1\r\n${head}\r\n${text}`));
    const buffer = new Uint8Array(65_536);
    const parser = new ReplyParser();
    while (!parser.ended) {
      const read = await connection.read(buffer);
      const at = performance.now();
      if (read === null) throw new Error(`${url} closed its stream in the middle`);
      const text = decoder.decode(buffer.subarray(0, read));
      const came = parser.feed(text);
      if (parser.status !== 200) throw new Error(`${url} answered ${parser.status}: ${text}`);
      if (came !== "") onText(came, at);
    }
  } finally {
    connection.close();
  }
}

/** Parses an HTTP/1.1 reply with a chunked body. */
class ReplyParser {
  status = 200;
  /** Whether the last chunk has come. */
  ended = false;
  #pending = "";
  #isBody = false;
  #left = 0;

  /** The part of the body in a piece of the reply. */
  feed(text: string): string {
    let rest = this.#pending + text;
    this.#pending = "";
    if (!this.#isBody) {
      const end = rest.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.status = Number(rest.split(" ", 2)[1]);
        this.#isBody = true;
        rest = rest.slice(end + 4);
      }
    }
    let body = "";
    while (this.#isBody && !this.ended && rest !== "") {
      if (this.#left > 2) {
        // The line break after a chunk's data counts as part of the chunk here.
        const data = rest.slice(0, this.#left - 2);
        body += data;
        rest = rest.slice(data.length);
        this.#left -= data.length;
        if (this.#left > 2) break;
      }
      const lineBreak = rest.indexOf("\r\n", this.#left);
      if (lineBreak < 0) break;
      const size = parseInt(rest.slice(this.#left, lineBreak), 16);
      rest = rest.slice(lineBreak + 2);
      this.#left = size + 2;
      this.ended = size === 0;
    }
    this.#pending = rest;
    return body;
  }
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}

/** Counts a word in a text that comes in pieces. */
export class WordCounter {
  readonly #word: string;
  #rest = "";

  constructor(word: string) {
    this.#word = word;
  }

  /** How many occurrences this piece completes. */
  feed(piece: string): number {
    const text = this.#rest + piece;
    let count = 0;
    let from = 0;
    for (let at = text.indexOf(this.#word); at >= 0; at = text.indexOf(this.#word, from)) {
      count++;
      from = at + this.#word.length;
    }
    // The last characters may be the beginning of one.
    this.#rest = text.slice(Math.max(from, text.length - this.#word.length + 1));
    return count;
  }
}
