import { onAbort } from "../aborts.ts";
import { Buffer } from "node:buffer";
import { type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { rootCertificates } from "node:tls";
import { ArrivedBytes } from "./arrived_bytes.ts";
import type { EventsReply, EventsRequest } from "./client.ts";
import { cannotReach } from "./client.ts";
import { SseParser } from "./sse.ts";

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
  readonly #bytes: ArrivedBytes;

  constructor(incoming: IncomingMessage) {
    this.status = incoming.statusCode ?? 0;
    this.#bytes = new ArrivedBytes(incoming);
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
