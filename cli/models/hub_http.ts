import { LlorchError } from "#shared/errors.ts";
import type { Hub } from "./hub.ts";
import { statusError, unreachable } from "./hub_errors.ts";

/** Most redirects that are followed. */
const MAX_REDIRECTS = 8;

/** A request to the hub. */
export interface HubRequest {
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /**
   * Does not follow a redirect to another host, for requests that need only the hub's own headers.
   */
  readonly stayOnHub?: boolean;
}

/** A reply, and the hub's own headers on the way to it. */
export interface HubReply {
  readonly response: Response;
  /** Where the reply came from. */
  readonly url: string;
  /** Headers of the hub itself, which redirects to the server that has the bytes. */
  readonly hubHeaders: Headers;
}

/**
 * Sends a request to the hub and follows its redirects. The token is sent only to the hub's own
 * host.
 *
 * @throws {LlorchError} with one sentence for a failed reply or connection.
 */
export async function askHub(hub: Hub, url: string, request: HubRequest): Promise<HubReply> {
  const { method = "GET", headers = {}, signal, stayOnHub = false } = request;
  const home = new URL(hub.endpoint).origin;
  const hubHeaders = new Headers();
  let at = new URL(url);
  for (let step = 0; step <= MAX_REDIRECTS; step++) {
    const isHome = at.origin === home;
    const authorization = isHome && hub.token ? { authorization: `Bearer ${hub.token}` } : {};
    const response = await send(at, signal, {
      method,
      headers: { "accept-encoding": "identity", ...headers, ...authorization },
    });
    if (isHome) response.headers.forEach((value, name) => hubHeaders.set(name, value));
    const target = redirectTarget(response, at);
    if (target === undefined) {
      if (response.ok) return { response, url: at.href, hubHeaders };
      await response.body?.cancel();
      throw statusError(response, hub, at);
    }
    await response.body?.cancel();
    if (stayOnHub && target.origin !== home) return { response, url: at.href, hubHeaders };
    at = target;
  }
  throw astray(new URL(url), "in circles");
}

/**
 * One request without the token, and without following redirects.
 *
 * @throws {LlorchError} if there is no reply; the reason of `signal` once it has aborted
 */
export function send(url: URL, signal: AbortSignal, init: RequestInit): Promise<Response> {
  return fetch(url, { ...init, signal, redirect: "manual" }).catch((error) => {
    if (signal.aborted) throw signal.reason;
    throw unreachable(url, error);
  });
}

/** The error for a redirect that is not followed. Trying again would not help. */
function astray({ host }: URL, how: string): LlorchError {
  return new LlorchError(
    "NOT_READY",
    `${host} redirects ${how}: check HF_ENDPOINT, and a proxy in between`,
    { retriable: false },
  );
}

/** @throws {LlorchError} when the redirect must not be followed. */
export function redirectTarget(
  { status, headers }: Pick<Response, "status" | "headers">,
  from: URL,
): URL | undefined {
  const location = headers.get("location");
  if (status < 300 || status > 399 || status === 304 || location === null) return undefined;
  if (!URL.canParse(location, from)) {
    throw astray(from, "to no address");
  }
  const target = new URL(location, from);
  if (!/^https?:$/.test(target.protocol)) {
    throw astray(from, `to ${target.protocol}, not to http`);
  }
  if (from.protocol === "https:" && target.protocol === "http:") {
    throw astray(from, "from https to http, where others could change the file");
  }
  return target;
}
