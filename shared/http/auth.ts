import { timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import { LlorchError } from "../errors.ts";
import { UsageError } from "../lifecycle.ts";
import type { Authorize } from "./app.ts";

/** Compares two secrets in a time that tells nothing about them but their length. */
export function secretsEqual(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

/**
 * Lets callers in who carry the token as a bearer. Without a token everything is open, which
 * {@linkcode requireTokenOffLoopback} allows on loopback alone.
 */
export function bearerAuth(token: string | undefined): Authorize {
  return (request, role) => {
    if (role === "none" || token === undefined) return;
    const given = /^Bearer (.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    if (given === undefined) {
      throw new LlorchError("UNAUTHORIZED", "This route needs a token: Authorization: Bearer …");
    }
    if (!secretsEqual(given, token)) {
      throw new LlorchError("UNAUTHORIZED", "The bearer token is not the right one");
    }
  };
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
