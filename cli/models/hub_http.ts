import { LlorchError } from "#shared/errors.ts";
import type { Hub } from "./hub.ts";
import { statusError, unreachable } from "./hub_errors.ts";

/** Redirects followed at most. */
const MAX_REDIRECTS = 8;

/** One request. */
export interface HubRequest {
  readonly method?: "GET" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Leaves a redirect to another host unfollowed: what the hub says of the file is known then. */
  readonly stayOnHub?: boolean;
}

/** A reply, and what the hub said on the way to it. */
export interface HubReply {
  readonly response: Response;
  /** Where the reply came from. */
  readonly url: string;
  /** Headers of the hub itself, which redirects to where the bytes are. */
  readonly hubHeaders: Headers;
}

/**
 * Asks the hub and follows where it redirects to. The token goes to the hub's own host alone.
 *
 * @throws {LlorchError} one sentence for each status that is a failure, and for no connection.
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

/** A plain GET from where the hub redirected to before; without the token. */
export function send(url: URL, signal: AbortSignal, init: RequestInit): Promise<Response> {
  return fetch(url, { ...init, signal, redirect: "manual" }).catch((error) => {
    if (signal.aborted) throw signal.reason;
    throw unreachable(url, error);
  });
}

/** A redirect that is not followed; it would be the same the next time. */
function astray({ host }: URL, how: string): LlorchError {
  return new LlorchError(
    "NOT_READY",
    `${host} redirects ${how}: check HF_ENDPOINT, and a proxy in between`,
    { retriable: false },
  );
}

/** @throws {LlorchError} when what it redirects to is not to be followed. */
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
