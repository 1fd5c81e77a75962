/**
 * Calls that browsers make for pages of other sites (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol).
 *
 * @module
 */
import type { Route } from "../contracts/route.ts";

/** Headers that any page may send. */
const ALWAYS = ["authorization", "x-api-key", "content-type"];

/** Headers that clients of the vendors' APIs add. A page may send those that its browser asks for. */
const KNOWN = new RegExp(
  "^(anthropic-(version|beta|dangerous-direct-browser-access)|(x-stainless|openai)-[a-z0-9-]+|" +
    "idempotency-key|user-agent|x-(request|correlation)-id)$",
);

/** Headers of an answer that a page may read, besides those that it always may. */
const EXPOSED = "x-request-id, x-correlation-id, request-id, retry-after, x-should-retry";

/** How long a browser may remember the answer to a preflight, in seconds. Chromium's maximum. */
const MAX_AGE_S = 7200;

/** Whether a browser asks what a page may send. */
export function isPreflight({ method, headers }: Request): boolean {
  return method === "OPTIONS" && headers.has("origin") &&
    headers.has("access-control-request-method");
}

/**
 * Replies to a preflight: the same to every page, since only the call itself has the key. Credentials are
 * never allowed, so a browser sends no cookie and shows no answer that one was needed for.
 *
 * @param routes The routes for pages at the request's path, or near it.
 */
export function preflightReply({ headers }: Request, routes: readonly Route[]): Response {
  const asked = (headers.get("access-control-request-headers") ?? "").toLowerCase().split(",");
  const known = asked.map((name) => name.trim()).filter((name) => KNOWN.test(name));
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-origin": headers.get("origin") ?? "",
      "access-control-allow-methods": [...new Set(routes.map(({ method }) => method))].join(", "),
      "access-control-allow-headers": [...ALWAYS, ...new Set(known)].join(", "),
      "access-control-max-age": String(MAX_AGE_S),
      "vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    },
  });
}

/**
 * Tells the browser whether the page that made a call may read the answer.
 *
 * @param mayRead Asked only if a page made the call.
 */
export function markForPage(response: Response, request: Request, mayRead: () => boolean): void {
  const { headers } = response;
  headers.append("vary", "Origin");
  const origin = request.headers.get("origin");
  if (origin === null || !mayRead()) return;
  headers.set("access-control-allow-origin", origin);
  headers.set("access-control-expose-headers", EXPOSED);
}
