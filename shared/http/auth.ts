import { timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import type { Role } from "../contracts/route.ts";
import { LlorchError } from "../errors.ts";
import { UsageError } from "../lifecycle.ts";

/** Compares two secrets in a time that tells nothing about them but their length. */
export function secretsEqual(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

/**
 * Lets callers in who carry the token as a bearer. Without a token everything is open, which
 * {@linkcode requireTokenOffLoopback} allows on loopback alone.
 *
 * @param alsoToken Another token that opens the same.
 */
export function bearerAuth(
  token: string | undefined,
  alsoToken?: string,
): (request: Request, role: Role) => undefined {
  return (request, role) => {
    if (role === "none" || token === undefined) return;
    const given = requireBearer(request);
    const isOther = alsoToken !== undefined && secretsEqual(given, alsoToken);
    if (!secretsEqual(given, token) && !isOther) {
      throw new LlorchError("UNAUTHORIZED", "The bearer token is not the right one");
    }
  };
}

/** The secret that a request carries as `Authorization: Bearer …`. */
export function bearerOf(request: Request): string | undefined {
  return /^Bearer (.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
}

/**
 * The secret that a request must carry.
 *
 * @throws {LlorchError} `UNAUTHORIZED`
 */
export function requireBearer(request: Request): string {
  const given = bearerOf(request);
  if (given !== undefined) return given;
  throw new LlorchError("UNAUTHORIZED", "This route needs a key: Authorization: Bearer …");
}

/**
 * Refuses to serve the world without a token.
 *
 * @param remedy How this daemon is given one.
 * @throws {UsageError} with what to do.
 */
export function requireTokenOffLoopback(
  host: string,
  token: string | undefined,
  remedy = "set LLORCH_API_TOKEN or token_file",
): void {
  const isLoopback = /^(127(\.\d{1,3}){3}|localhost|::1|\[::1\])$/.test(host);
  if (isLoopback || token !== undefined) return;
  throw new UsageError(
    `Cannot bind to ${host} without a token: ${remedy}, or bind to 127.0.0.1`,
  );
}
