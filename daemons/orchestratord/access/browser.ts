/**
 * Protection against what browsers send by themselves: cookies, and calls made by pages of other sites.
 *
 * @module
 */
import { HEADERS } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import { SESSION_MS } from "./sessions.ts";

const COOKIE = "llorch_session";

/** The secret of the session that a request belongs to. */
export function sessionSecretOf({ headers }: Request): string | undefined {
  for (const pair of (headers.get("cookie") ?? "").split(";")) {
    const [name, value] = pair.trim().split("=");
    if (name === COOKIE && value) return value;
  }
}

/**
 * The cookie that signs a browser in, or out if there is no secret. Scripts cannot read it, and pages of
 * other sites cannot cause it to be sent.
 *
 * @param basePath Path of this service behind a proxy: other services may share the host.
 */
export function sessionCookie(
  request: Request,
  secret: string | undefined,
  basePath: string,
): string {
  // A proxy may terminate TLS, but the browser's Origin header still says https.
  const isSecure = new URL(request.url).protocol === "https:" ||
    request.headers.get("origin")?.startsWith("https:");
  const age = secret === undefined ? 0 : Math.floor(SESSION_MS / 1000);
  return `${COOKIE}=${secret ?? ""}; Path=${
    basePath || "/"
  }; Max-Age=${age}; HttpOnly; SameSite=Strict` +
    (isSecure ? "; Secure" : "");
}

/** Whether a call changes nothing. */
const isSafe = ({ method }: Request) => method === "GET" || method === "HEAD";

/**
 * Refuses a change that a page of another site asks for. Without a token, every page opened on this machine
 * could otherwise make calls.
 *
 * @param isForPages Whether the route is for pages, and the error says how to let one in.
 * @throws {LlorchError} `FORBIDDEN`
 */
export function refuseOtherSites(request: Request, isForPages = false): void {
  if (isSafe(request)) return;
  const site = request.headers.get("sec-fetch-site");
  const origin = request.headers.get("origin");
  const isOther = site === null
    // Browsers send it only to https and to loopback.
    ? origin !== null && URL.parse(origin)?.host !== request.headers.get("host")
    : site !== "same-origin" && site !== "none";
  if (!isOther) return;
  // `null` stands for any page that hides its origin, so that it is not advised.
  const advice = origin === null || origin === "null"
    ? "send an API key"
    : `list its origin (${origin}) in cors.origins, or send an API key`;
  const hasCookie = request.headers.get("cookie")?.includes(`${COOKIE}=`) === true;
  const remedy = !isForPages
    ? ""
    : hasCookie
    ? ": a session's cookie does not count there; send an API key"
    : `: ${advice}`;
  throw new LlorchError("FORBIDDEN", `A page of another site may not change anything${remedy}`);
}

/**
 * Refuses a call by host name, for a service without a token. Against DNS rebinding: an attacker can point
 * a page's host name to this machine, and the browser then takes both for the same site.
 *
 * @param allowed Names that are ours, too, in lower case.
 * @throws {LlorchError} `FORBIDDEN`
 */
export function refuseOtherNames(request: Request, allowed: readonly string[]): void {
  const { hostname } = new URL(request.url);
  const isOurs = /^(localhost|.+\.localhost|[\d.]+|\[.*\])$/.test(hostname);
  if (isOurs || allowed.includes(hostname)) return;
  throw new LlorchError(
    "FORBIDDEN",
    `A service without a token cannot be called by the name "${hostname}": use its address or localhost, ` +
      "give it a token, or list the name in http.host_names",
  );
}

/**
 * Refuses a change that comes with only a cookie: the console's page adds a header that forms of other
 * sites cannot send.
 *
 * @throws {LlorchError} `FORBIDDEN`
 */
export function requireConsole(request: Request): void {
  if (isSafe(request) || request.headers.has(HEADERS.console)) return;
  throw new LlorchError(
    "FORBIDDEN",
    `A change with a session needs the header ${HEADERS.console}: 1, which the console sends`,
  );
}
