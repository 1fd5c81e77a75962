import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { plainHost } from "#shared/net/addresses.ts";
import { errorMessage } from "#shared/errors.ts";
import { VERSION } from "#shared/version.ts";

/** One GET request to known addresses. */
export interface PinnedGet {
  readonly url: URL;
  /** Addresses of the URL's host; the next is called when one cannot be reached. */
  readonly addresses: readonly string[];
  /** Most bytes of the body. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** PEM of certificate authorities, instead of the system's. */
  readonly ca?: string;
}

/** No variable of the environment may put a proxy between us and the host. */
const NO_PROXY = { keepAlive: false, proxyEnv: {} };

/** Why there is no body, as the end of a sentence. */
export class FetchFailure extends Error {
  override readonly name = "FetchFailure";
}

/**
 * The body of a URL. The host is never resolved here: what the caller checked is what is called. The
 * host's name is used for the certificate and for `Host`. Redirects are not followed; no cookies, keys
 * or proxies are used.
 *
 * @throws {FetchFailure} any failure but an abort
 */
export async function getPinned(order: PinnedGet): Promise<Uint8Array<ArrayBuffer>> {
  const socket = await connectToAny(order);
  try {
    return await read(await send(order, socket), order);
  } catch (error) {
    order.signal.throwIfAborted();
    if (error instanceof FetchFailure) throw error;
    throw new FetchFailure(`the connection failed: ${errorMessage(error)}`, { cause: error });
  } finally {
    socket.destroy();
  }
}

async function connectToAny(order: PinnedGet): Promise<Socket> {
  let last: unknown;
  for (const address of order.addresses) {
    order.signal.throwIfAborted();
    try {
      return await connect(order, address);
    } catch (error) {
      order.signal.throwIfAborted();
      last = error;
    }
  }
  throw new FetchFailure(`it cannot be reached: ${errorMessage(last)}`, { cause: last });
}

async function connect({ url, ca, signal }: PinnedGet, host: string): Promise<Socket> {
  const isTls = url.protocol === "https:";
  const port = Number(url.port) || (isTls ? 443 : 80);
  const name = plainHost(url.hostname);
  const socket = isTls
    ? connectTls({ host, port, ...(isIP(name) ? {} : { servername: name }), ...(ca ? { ca } : {}) })
    : connectPlain({ host, port });
  try {
    await once(socket, isTls ? "secureConnect" : "connect", { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function send({ url, signal }: PinnedGet, socket: Socket): Promise<IncomingMessage> {
  const agent = Object.assign(new Agent(NO_PROXY), { createConnection: () => socket });
  const call = request({
    agent,
    signal,
    path: url.pathname + url.search,
    headers: {
      host: url.host,
      accept: "image/*",
      "accept-encoding": "identity",
      "user-agent": `llorch/${VERSION}`,
    },
  });
  call.end();
  const [reply] = await once(call, "response", { signal }) as [IncomingMessage];
  // An error after the reply has begun is the reply's too.
  call.on("error", () => {});
  return reply;
}

async function read(
  reply: IncomingMessage,
  { maxBytes, signal }: PinnedGet,
): Promise<Uint8Array<ArrayBuffer>> {
  const status = reply.statusCode ?? 0;
  if (status >= 300 && status < 400) {
    throw new FetchFailure(`it answers with a redirect (${status}), which is not followed`);
  }
  if (status !== 200) throw new FetchFailure(`it answers with status ${status}`);
  const coding = reply.headers["content-encoding"] ?? "identity";
  if (coding !== "identity") throw new FetchFailure("it answers in a content encoding");
  if (Number(reply.headers["content-length"]) > maxBytes) throw tooLarge(maxBytes);
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of reply as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > maxBytes) throw tooLarge(maxBytes);
    parts.push(part);
  }
  // An abort ends the connection, which is how a body without a length ends, too.
  signal.throwIfAborted();
  if (!reply.complete) throw new FetchFailure("the connection ended in the middle");
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function tooLarge(maxBytes: number): FetchFailure {
  return new FetchFailure(`the image is larger than ${maxBytes} bytes`);
}
