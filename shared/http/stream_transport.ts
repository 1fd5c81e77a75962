import { onAbort } from "../aborts.ts";
import { Buffer } from "node:buffer";
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { rootCertificates } from "node:tls";
import type { EventsReply, EventsRequest } from "./client.ts";
import { cannotReach, TransportError } from "./client.ts";
import { SseParser } from "./sse.ts";

/** A stream stops reading from the wire while more bytes than this wait for their reader. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * A transport of event streams, each with its own connection.
 *
 * It uses node:http, which passes on together what arrived together, in however many chunks it was
 * written; Deno's `fetch` takes a turn of the event loop for each chunk
 * (docs/adr/0012-node-http-to-workers.md, also for why connections are not reused).
 *
 * @param ca Certificates in PEM to trust in addition to the usual authorities.
 */
export function streamTransport(ca?: string): (request: EventsRequest) => Promise<EventsReply> {
  const trusted = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  return ({ url, method, headers, body, signal }) => {
    const isTls = url.startsWith("https:");
    const bytes = Buffer.from(body ?? "");
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const outgoing: ClientRequest = (isTls ? httpsRequest : httpRequest)(url, {
        method,
        agent: false,
        headers: { ...headers, "content-length": String(bytes.byteLength) },
        ...(isTls ? trusted : {}),
      });
      const forget = onAbort(signal, () => {
        reject(signal?.reason);
        outgoing.destroy();
      });
      outgoing.setNoDelay(true);
      outgoing.once("close", forget);
      outgoing.on("error", (cause) => {
        forget();
        reject(cannotReach(url, cause));
      });
      outgoing.once("response", (incoming) => resolve(new Reply(incoming)));
      outgoing.end(bytes);
    });
  };
}

class Reply implements EventsReply {
  readonly status: number;
  readonly #incoming: IncomingMessage;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isEnded = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming;
    this.status = incoming.statusCode ?? 0;
    incoming.on("data", (bytes: Buffer) => {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.byteLength;
      if (this.#waitingBytes > MAX_WAITING_BYTES) incoming.pause();
      this.#wake?.();
    });
    incoming.once("end", () => this.#end());
    incoming.once("error", (error) => this.#end(error));
    incoming.once("close", () => {
      if (!this.#isEnded) this.#end(new TransportError("The connection was closed"));
    });
  }

  /** All of the body. */
  async text(): Promise<string> {
    const pieces: Buffer[] = [];
    for (let bytes = await this.#take(); bytes; bytes = await this.#take()) pieces.push(bytes);
    return Buffer.concat(pieces).toString();
  }

  async *batches(signal: AbortSignal | undefined) {
    const parser = new SseParser();
    const forget = onAbort(signal, () => {
      this.#waiting = [];
      this.#end(signal?.reason);
      this.#incoming.destroy();
    });
    try {
      signal?.throwIfAborted();
      for (let bytes = await this.#take(); bytes; bytes = await this.#take()) {
        const messages = parser.feed(bytes);
        if (messages.length > 0) yield messages;
      }
    } finally {
      forget();
      if (!this.#isEnded) this.#incoming.destroy();
    }
  }

  /** The bytes that arrived since the last call; undefined at the end. */
  async #take(): Promise<Buffer | undefined> {
    while (true) {
      if (this.#waiting.length > 0) {
        const pieces = this.#waiting;
        this.#waiting = [];
        this.#waitingBytes = 0;
        if (this.#incoming.isPaused()) this.#incoming.resume();
        return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
      }
      if (this.#error) throw this.#error;
      if (this.#isEnded) return undefined;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    this.#wake?.();
  }
}
