import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { LinkedAbort, onAbort } from "#shared/aborts.ts";
import { invalidRequest } from "#shared/errors.ts";
import { addressKind, isNeverCalled, plainHost } from "#shared/net/addresses.ts";
import type { Timer } from "#shared/timer.ts";
import type { ImageHosts } from "#shared/net/image_hosts.ts";
import { FetchFailure, getPinned } from "./pinned_get.ts";

/** The addresses of a host name. */
export type Resolve = (name: string) => Promise<readonly string[]>;

/** Dependencies and bounds of {@linkcode fetchImage}. */
export interface ImageSource {
  readonly hosts: ImageHosts;
  /** Most bytes of an image. */
  readonly maxBytes: number;
  /** Time until the whole image has been read, in milliseconds. */
  readonly deadlineMs: number;
  /** @default the system's resolver */
  readonly resolve?: Resolve;
  /** @default {@linkcode getPinned} */
  readonly get?: typeof getPinned;
  readonly timer?: Timer;
}

const resolveBySystem: Resolve = async (name) =>
  (await lookup(name, { all: true })).map(({ address }) => address);

/**
 * Fetches an image that a request names by its URL.
 *
 * 1. The operator must have listed the URL's host.
 * 2. A host that is listed as an address is that address. Of a name, every address must be public: who
 *    owns the name could otherwise lead us into the private network.
 * 3. Exactly these addresses are called, see {@linkcode getPinned}.
 *
 * @param field Path of the URL in the request, e.g. `messages.0.content.1.image_url`.
 * @throws {LlorchError} `INVALID_REQUEST`, whose message has the host and never the rest of the URL
 * @throws what `signal` aborts with
 */
export async function fetchImage(
  text: string,
  field: string,
  source: ImageSource,
  signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const refuse = (message: string) => invalidRequest([{ field, message }]);
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw refuse("must be an http or https URL, or a data URL with the image in it");
  }
  if (url.username !== "" || url.password !== "") throw refuse("must not carry a user or password");
  // 1
  if (!source.hosts.has(url)) {
    throw refuse(
      `images of ${url.host} are not fetched: send the image itself as a data URL, or list the host ` +
        "in orchestratord's images.fetch_hosts",
    );
  }
  using limit = new LinkedAbort(signal);
  const late = new FetchFailure(`the image takes longer than ${source.deadlineMs} ms`);
  limit.abortAfter(source.deadlineMs, () => late, source.timer);
  try {
    const addresses = await addressesOf(plainHost(url.hostname), source.resolve, limit.signal);
    // 3
    const { get = getPinned } = source;
    return await get({ url, addresses, maxBytes: source.maxBytes, signal: limit.signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof FetchFailure)) throw error;
    throw refuse(
      `cannot fetch the image from ${url.host}: ${error.message}; send the image itself as a data URL`,
    );
  }
}

/** @throws {FetchFailure} also if one of the addresses may not be called */
async function addressesOf(
  host: string,
  resolve: Resolve = resolveBySystem,
  signal: AbortSignal,
): Promise<readonly string[]> {
  // 2
  if (isNeverCalled(host)) throw new FetchFailure("this host is never called");
  if (isIP(host)) return [host];
  const addresses = await unlessAborted(resolve(host), signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new FetchFailure("its name has no address", { cause: error });
  });
  if (addresses.length === 0) throw new FetchFailure("its name has no address");
  // The message tells nobody the addresses of a private network.
  if (addresses.some((address) => addressKind(address) !== "public")) {
    throw new FetchFailure(
      "its name leads into a private network; an operator may list the address instead of the name",
    );
  }
  return addresses;
}

/** The system's resolver cannot be stopped; its answer is then not waited for. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const forget = onAbort(signal, () => reject(signal.reason));
  try {
    return await Promise.race([work, promise]);
  } finally {
    forget();
  }
}
