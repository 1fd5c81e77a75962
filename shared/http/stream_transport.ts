import { onAbort } from "../aborts.ts";
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import { ArrivedBytes } from "./arrived_bytes.ts";
import type { EventsReply, EventsRequest } from "./client.ts";
import { cannotReach, TransportError } from "./client.ts";
import { traceCall } from "../tracing.ts";
import { ReplyParser } from "./reply_parser.ts";
import { Sockets } from "./sockets.ts";
import { SseParser } from "./sse.ts";

/**
 * A transport of event streams, each alone on a connection, which is often open already.
 *
 * What arrived together is passed on together, in however many chunks it was written; Deno's `fetch` takes a
 * turn of the event loop for each chunk, and `node:http` most of a millisecond for the first one
 * (docs/adr/0012-node-http-to-workers.md, and 0041-connections-opened-ahead.md).
 *
 * @param ca Certificates in PEM to trust in addition to the usual authorities.
 */
export function streamTransport(ca?: string): (request: EventsRequest) => Promise<EventsReply> {
  const sockets = new Sockets(ca);
  return async (request) => {
    const { signal } = request;
    signal?.throwIfAborted();
    const url = new URL(request.url);
    const { origin } = url;
    const spare = sockets.takeSpare(origin);
    const onFree = (socket: Socket) => sockets.keep(origin, socket);
    try {
      const exchange = spare && new Exchange(spare, url, request, onFree);
      const reply = await exchange?.reply.catch((error) => {
        // The peer closes connections that wait for too long: perhaps just now.
        if (!exchange.isUntouched || signal?.aborted) throw error;
      }) ?? await new Exchange(sockets.open(origin), url, request, onFree).reply;
      // For the next one, once this one has been passed on.
      setImmediate(() => sockets.prepare(origin));
      return reply;
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      throw error instanceof TransportError ? error : cannotReach(request.url, error);
    }
  };
}

/** One request on a connection, and its reply. */
class Exchange implements EventsReply {
  /** Resolves when the head of the reply has come. */
  readonly reply: Promise<Exchange>;
  readonly #bytes: ArrivedBytes;
  #status = 0;
  #isUntouched = true;

  /** @param onFree Gets the connection when the reply is complete and another request may follow. */
  constructor(
    socket: Socket,
    url: URL,
    { method, headers, body, signal }: EventsRequest,
    onFree: (socket: Socket) => void,
  ) {
    const parser = new ReplyParser();
    const { promise, resolve, reject } = Promise.withResolvers<Exchange>();
    this.reply = promise;
    this.#bytes = new ArrivedBytes(socket);
    const call = traceCall(method, url);
    const done = () => {
      forget();
      call.end();
      socket.off("data", onData).off("end", onEnd).off("error", fail).off("close", onClose);
    };
    const fail = (error: Error) => {
      reject(error);
      this.#bytes.end(error);
      socket.destroy();
    };
    const forget = onAbort(signal, () => fail(signal!.reason));
    const onData = (piece: Buffer) => {
      this.#isUntouched = false;
      try {
        const { status, body, isDone, isFree } = parser.feed(piece);
        if (status !== undefined && this.#status === 0) {
          this.#status = status;
          forget();
          resolve(this);
        }
        for (const part of body) this.#bytes.push(part);
        if (!isDone) return;
        this.#bytes.end();
        // A peer may refuse a request before it has read all of it.
        if (!isFree || socket.writableLength > 0) return void socket.destroy();
        done();
        // It was paused if its reader is slow.
        socket.resume();
        onFree(socket);
      } catch (error) {
        fail(error as Error);
      }
    };
    const onEnd = () => {
      if (parser.end()) this.#bytes.end();
      else fail(new TransportError("The connection was closed"));
    };
    const onClose = () => {
      done();
      fail(new TransportError("The connection was closed"));
    };
    socket.on("data", onData).on("end", onEnd).on("error", fail).on("close", onClose);
    socket.write(requestOf(url, { method, headers: { ...headers, ...call.headers }, body }));
  }

  get status(): number {
    return this.#status;
  }

  /** Whether nothing at all has come back: if the connection was open before, nobody may have read it. */
  get isUntouched(): boolean {
    return this.#isUntouched;
  }

  /** All of the body. */
  async text(): Promise<string> {
    const pieces: Buffer[] = [];
    for (let bytes = await this.#bytes.take(); bytes; bytes = await this.#bytes.take()) {
      pieces.push(bytes);
    }
    return Buffer.concat(pieces).toString();
  }

  async *batches(signal: AbortSignal | undefined) {
    const parser = new SseParser();
    const forget = onAbort(signal, () => this.#bytes.drop(signal?.reason));
    try {
      signal?.throwIfAborted();
      for (let bytes = await this.#bytes.take(); bytes; bytes = await this.#bytes.take()) {
        const messages = parser.feed(bytes);
        if (messages.length > 0) yield messages;
      }
    } finally {
      forget();
      this.#bytes.drop();
    }
  }
}

/** The bytes of a request, all in one write. */
function requestOf(
  { host, pathname, search }: URL,
  { method, headers, body = "" }: Pick<EventsRequest, "method" | "headers" | "body">,
): Buffer {
  let head = `${method} ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (const [name, value] of Object.entries(headers)) {
    // They are ours, but some of their values are not.
    if (/[\r\n\0]/.test(value)) throw new TypeError(`The header ${name} has a line break`);
    head += `${name}: ${value}\r\n`;
  }
  const size = Buffer.byteLength(body);
  return Buffer.from(`${head}content-length: ${size}\r\n\r\n${body}`);
}
