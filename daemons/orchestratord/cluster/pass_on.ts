import { Buffer } from "node:buffer";
import {
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as httpRequest,
} from "node:http";
import { request as httpsRequest } from "node:https";
import { rootCertificates } from "node:tls";
import { onAbort } from "#shared/aborts.ts";
import { HEADERS } from "#shared/defaults.ts";
import { ERROR_CODES } from "#shared/errors.ts";
import { discard } from "#shared/http/discard.ts";
import { ArrivedBytes } from "#shared/http/arrived_bytes.ts";
import { StreamResponse } from "#shared/http/stream_response.ts";
import type { HeldRequest } from "./held_request.ts";

/** A leader that takes longer to accept a connection cannot be reached, in ms. */
const CONNECT_MS = 1_500;

/** How long a reply may come after the connection was closed for writing, in ms. */
const LAST_REPLY_MS = 250;

/** Headers that belong to one connection (RFC 9110, 7.6.1), and what the next one decides for itself. */
const OF_CONNECTION = [
  "connection",
  "expect",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Why there is no reply. */
export interface NoReply {
  /** Whether the request may have arrived. */
  readonly mayHaveArrived: boolean;
  readonly reason: string;
}

/** Options of {@linkcode passOn}. */
export interface PassOnOptions {
  /** Where to, e.g. `http://10.0.0.2:8080`. */
  readonly url: string;
  /** Proves that an orchestrator passes it on. */
  readonly hop: string;
  /** Certificates in PEM to trust in addition to the usual authorities. */
  readonly ca: string | undefined;
  /** Ends the wait for a reply. */
  readonly unanswered: AbortSignal;
  /** Ends the reply: it is that of a leader that is gone. */
  readonly gone: AbortSignal;
  /** A client that reads nothing for this long is cut off, in ms. */
  readonly slowReaderMs: number;
  /** Called when the reply has ended, for any reason. */
  readonly onClose: () => void;
}

/**
 * Sends a request to another orchestrator as it came, its Host and its secrets included, and answers with that
 * one's reply. It is carried as it is, streams too, no faster than the client reads.
 */
export function passOn(
  held: HeldRequest,
  { url, hop, ca, unanswered, gone, slowReaderMs, onClose }: PassOnOptions,
): Promise<Response | NoReply> {
  const { original, body, stream } = held;
  const { pathname, search } = new URL(original.url);
  const target = new URL(url);
  const base = target.pathname.replace(/\/$/, "");
  const isTls = target.protocol === "https:";
  held.sent();
  return new Promise((resolve) => {
    let isConnected = false;
    let isAnswered = false;
    const outgoing: ClientRequest = (isTls ? httpsRequest : httpRequest)({
      protocol: target.protocol,
      hostname: target.hostname.replace(/^\[|\]$/g, ""),
      port: target.port || (isTls ? 443 : 80),
      servername: isTls ? target.hostname : undefined,
      path: base + pathname + search,
      method: original.method,
      headers: { ...passedHeaders(original.headers), [HEADERS.hop]: hop },
      agent: false,
      ...(isTls && ca !== undefined ? { ca: [...rootCertificates, ca] } : {}),
    });
    const drops: (() => void)[] = [];
    const forget = () => drops.forEach((drop) => drop());
    const reader = stream?.getReader();
    const fail = async (reason: string) => {
      if (isAnswered) return;
      isAnswered = true;
      forget();
      outgoing.destroy();
      if (reader) await discard(reader);
      resolve({ mayHaveArrived: isConnected, reason });
    };
    drops.push(
      onAbort(original.signal, () => void fail("The client has left")),
      onAbort(unanswered, () => void fail("Another orchestrator leads")),
    );
    const timer = setTimeout(() => void fail(`No connection within ${CONNECT_MS} ms`), CONNECT_MS);
    outgoing.setNoDelay(true);
    outgoing.once("socket", (socket) => {
      socket.once(isTls ? "secureConnect" : "connect", () => {
        isConnected = true;
        clearTimeout(timer);
      });
    });
    outgoing.once("close", () => clearTimeout(timer));
    outgoing.on("error", ({ message }) => {
      // One that refuses a large body may close the connection while it is sent: its reply is on the way.
      if (reader && isConnected) setTimeout(() => void fail(message), LAST_REPLY_MS);
      else void fail(message);
    });
    outgoing.once("response", (incoming) => {
      if (isAnswered) return incoming.destroy();
      isAnswered = true;
      forget();
      if (incoming.statusCode === ERROR_CODES.NOT_LEADER.status) {
        resolve({ mayHaveArrived: false, reason: "It does not lead" });
        incoming.destroy();
        return;
      }
      resolve(replyOf(incoming, original.signal, { gone, slowReaderMs, onClose }));
    });
    if (reader) void sendStream(reader, outgoing).catch((error) => fail(String(error)));
    else outgoing.end(body && Buffer.from(body));
  });
}

/** Headers of a request or a reply without those of its connection. */
function passedHeaders(headers: Headers): Record<string, string> {
  const dropped = new Set(OF_CONNECTION);
  for (const name of (headers.get("connection") ?? "").split(",")) {
    dropped.add(name.trim().toLowerCase());
  }
  // Only we may say so.
  dropped.add(HEADERS.hop.toLowerCase());
  return Object.fromEntries([...headers].filter(([name]) => !dropped.has(name)));
}

/** Sends a body as it comes, no faster than it is taken. */
async function sendStream(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  outgoing: ClientRequest,
) {
  const closed = new Promise((resolve) => outgoing.once("close", resolve));
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (outgoing.destroyed) return;
    if (outgoing.write(next.value)) continue;
    await Promise.race([closed, new Promise((resolve) => outgoing.once("drain", resolve))]);
  }
  outgoing.end();
}

function replyOf(
  incoming: IncomingMessage,
  client: AbortSignal,
  { gone, slowReaderMs, onClose }: Pick<PassOnOptions, "gone" | "slowReaderMs" | "onClose">,
): Response {
  const bytes = ArrivedBytes.of(incoming);
  const frames = async function* () {
    const drops = [client, gone].map((signal) =>
      onAbort(signal, () => bytes.drop(new Error("The orchestrator that answered is gone")))
    );
    try {
      for (let next = await bytes.take(); next; next = await bytes.take()) yield next;
    } finally {
      drops.forEach((drop) => drop());
      bytes.drop();
    }
  };
  return new StreamResponse(frames(), {
    status: incoming.statusCode ?? 502,
    headers: replyHeaders(incoming.headers),
    format: { contentType: incoming.headers["content-type"] ?? "" },
    keepAliveMs: slowReaderMs,
    slowReader: { afterMs: slowReaderMs },
    onClose,
  });
}

function replyHeaders(from: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(from)) {
    if (value === undefined || OF_CONNECTION.includes(name)) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  return headers;
}
