/**
 * What browsers send beside what people mean to send: a cookie, and calls that a page of another site
 * makes in their name.
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
 * The cookie that signs a browser in, or out where there is no secret. Scripts cannot read it, and no
 * other site can have it sent.
 *
 * @param basePath Where a proxy has this service: others may have the same name.
 */
export function sessionCookie(
  request: Request,
  secret: string | undefined,
  basePath: string,
): string {
  // A proxy may have ended TLS before us: the browser says where its page came from.
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
 * Refuses a change that a page of another site asks for. Where there is no token, every page that
 * somebody on this machine looks at could else make simple calls.
 *
 * @throws {LlorchError} `FORBIDDEN`
 */
export function refuseOtherSites(request: Request): void {
  if (isSafe(request)) return;
  const site = request.headers.get("sec-fetch-site");
  const origin = request.headers.get("origin");
  const isOther = site === null
    // Browsers leave it out where the page did not come over TLS or from this machine.
    ? origin !== null && URL.parse(origin)?.host !== request.headers.get("host")
    : site !== "same-origin" && site !== "none";
  if (isOther) throw new LlorchError("FORBIDDEN", "A page of another site may not change anything");
}

/**
 * Refuses a call by a name where there is no token: a page whose name somebody points to this machine
 * is for the browser the same site as we are.
 *
 * @throws {LlorchError} `FORBIDDEN`
 */
export function refuseOtherNames(request: Request): void {
  const { hostname } = new URL(request.url);
  const isOurs = /^(localhost|.+\.localhost|[\d.]+|\[.*\])$/.test(hostname);
  if (isOurs) return;
  throw new LlorchError(
    "FORBIDDEN",
    `Without a token nobody may call this service "${hostname}": use its address or localhost, ` +
      "or give it a token",
  );
}

/**
 * Refuses a change that comes with a cookie alone: our own page says that it is it, with a header that
 * no form can send.
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
