import { lookup as lookUp } from "node:dns/promises";
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import { deadline, LATE } from "#shared/deadline.ts";
import { errorMessage } from "#shared/errors.ts";
import { HostSet, isAddress, isPrivateAddress, isSecretHost } from "#shared/net/addresses.ts";
import type { Config } from "../config.ts";
import { ImageRefusal } from "./read_image.ts";

/** An address of a host. */
export interface HostAddress {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a name. */
export type Resolve = (name: string) => Promise<readonly HostAddress[]>;

/** Options of {@linkcode imageFetcher}. */
export interface FetcherOptions {
  readonly resolve?: Resolve;
  /** Certificates of authorities to trust besides the usual ones, as PEM. */
  readonly ca?: string | undefined;
}

/**
 * Fetches images from hosts that the configuration allows. The address that was checked is the one that is
 * called, so that no second answer of a name server counts; redirects are not followed.
 *
 * @returns a function that takes an http or https URL; it throws {@linkcode ImageRefusal}
 */
export function imageFetcher(
  config: Pick<Config, "images">,
  { resolve = (name) => lookUp(name, { all: true }), ca }: FetcherOptions = {},
): (url: string) => Promise<Uint8Array<ArrayBuffer>> {
  return async (text) => {
    const { fetch_hosts, fetch_timeout_ms, max_bytes } = config.images;
    const url = URL.parse(text);
    if (!url) throw new ImageRefusal("is not a valid URL");
    if (url.username !== "" || url.password !== "") {
      throw new ImageRefusal("must not carry a user or password");
    }
    const host = url.hostname.replace(/^\[|\]$/g, "");
    if (!new HostSet(fetch_hosts.map(plain)).has(host)) {
      throw new ImageRefusal(
        `is on ${host}, from which no images are fetched: send it as a data: URL, or have the operator ` +
          "add the host to orchestratord's images.fetch_hosts",
      );
    }
    const signal = AbortSignal.timeout(fetch_timeout_ms);
    try {
      const address = await deadline(addressOf(host, resolve), fetch_timeout_ms);
      signal.throwIfAborted();
      if (address === LATE) throw new Error("its name is not resolved");
      return await download(url, address, { ca, signal, maxBytes: max_bytes });
    } catch (error) {
      if (error instanceof ImageRefusal) throw error;
      const reason = signal.aborted
        ? `it took longer than ${fetch_timeout_ms} ms (images.fetch_timeout_ms)`
        : errorMessage(error);
      throw new ImageRefusal(`cannot be fetched from ${host}: ${reason}`);
    }
  };
}

const plain = (entry: string) => entry.replace(/^\[|\]$/g, "");

/** The address to call: the first, if all may be called. */
async function addressOf(host: string, resolve: Resolve): Promise<HostAddress> {
  // A host that is written as an address was allowed as that.
  const isLiteral = isAddress(host);
  const addresses = isLiteral
    ? [{ address: host, family: host.includes(":") ? 6 : 4 }]
    : await resolve(host);
  const [first] = addresses;
  if (!first) throw new ImageRefusal(`cannot be fetched: ${host} has no address`);
  const refused = addresses.some(({ address }) =>
    isSecretHost(address) || !isLiteral && isPrivateAddress(address)
  );
  if (!refused) return first;
  throw new ImageRefusal(
    `cannot be fetched: ${host} has an address that is not of the public network`,
  );
}

interface DownloadOptions {
  readonly ca: string | undefined;
  readonly signal: AbortSignal;
  readonly maxBytes: number;
}

async function download(
  url: URL,
  { address, family }: HostAddress,
  { ca, signal, maxBytes }: DownloadOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const lookup: LookupFunction = (_host, { all }, callback) =>
    all ? callback(null, [{ address, family }]) : callback(null, address, family);
  const reply = await open(url, { lookup, ca, signal });
  try {
    const { statusCode = 0, headers } = reply;
    if (statusCode >= 300 && statusCode < 400) {
      throw new ImageRefusal(`cannot be fetched: ${url.host} redirects, which is not followed`);
    }
    if (statusCode !== 200) {
      throw new ImageRefusal(`cannot be fetched: ${url.host} answers ${statusCode}`);
    }
    if (Number(headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of reply as AsyncIterable<Uint8Array>) {
      size += piece.byteLength;
      if (size > maxBytes) throw tooLarge(maxBytes);
      pieces.push(piece);
    }
    const bytes = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.byteLength;
    }
    return bytes;
  } finally {
    reply.destroy();
  }
}

/** Sends the request on a connection of its own. */
function open(
  url: URL,
  { lookup, ca, signal }: {
    readonly lookup: LookupFunction;
    readonly ca: string | undefined;
    readonly signal: AbortSignal;
  },
): Promise<IncomingMessage> {
  const options = {
    lookup,
    signal,
    agent: false,
    headers: { accept: "image/png, image/jpeg, image/webp, image/gif", "user-agent": "llorch" },
  } as const;
  return new Promise((resolve, reject) => {
    const request = url.protocol === "https:"
      ? requestHttps(url, { ...options, ...(ca === undefined ? {} : { ca }) }, resolve)
      : requestHttp(url, options, resolve);
    request.on("error", reject);
    request.end();
  });
}

function tooLarge(maxBytes: number): ImageRefusal {
  return new ImageRefusal(`is larger than ${maxBytes} bytes (images.max_bytes)`);
}
