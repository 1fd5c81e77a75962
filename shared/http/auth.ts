import { timingSafeEqual } from "node:crypto";
import { Buffer } from "node:buffer";
import type { Route } from "../contracts/route.ts";
import { LlorchError } from "../errors.ts";
import { UsageError } from "../lifecycle.ts";

/** Compares two secrets in a time that depends only on their length. */
export function secretsEqual(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}

/**
 * Requires the token as the request's secret. Without a token everything is open, which
 * {@linkcode requireTokenOffLoopback} allows only on loopback.
 *
 * @param alsoToken Another token that is accepted too.
 * @throws {LlorchError} from the returned function: `UNAUTHORIZED`
 */
export function bearerAuth(
  token: string | undefined,
  alsoToken?: string,
): (request: Request, route: Pick<Route, "role">) => undefined {
  return (request, { role }) => {
    if (role === "none" || token === undefined) return;
    const given = requireSecret(request);
    const isOther = alsoToken !== undefined && secretsEqual(given, alsoToken);
    if (!secretsEqual(given, token) && !isOther) {
      throw new LlorchError("UNAUTHORIZED", "The bearer token is not valid");
    }
  };
}

/** The secret of a request: in `Authorization: Bearer …`, or in `x-api-key` as Anthropic's clients send it. */
export function secretOf({ headers }: Request): string | undefined {
  const bearer = /^Bearer (.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  return bearer ?? (headers.get("x-api-key") || undefined);
}

/**
 * The secret of a request that must have one.
 *
 * @throws {LlorchError} `UNAUTHORIZED`
 */
export function requireSecret(request: Request): string {
  const given = secretOf(request);
  if (given !== undefined) return given;
  throw new LlorchError(
    "UNAUTHORIZED",
    "This route needs a key: Authorization: Bearer … or x-api-key: …",
  );
}

/**
 * Refuses to listen beyond loopback without a token.
 *
 * @param remedy How to set this daemon's token, for the message.
 * @throws {UsageError} Says what to do.
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
