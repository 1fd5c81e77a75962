/** The one place that talks to orchestratord; the live feed is in `live.ts`. */
import { HEADERS } from "#shared/defaults.ts";
import type { ErrorBody } from "#shared/contracts/mod.ts";

/** An answer that is no success. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** What is done when a call finds nobody signed in. */
let onSignedOut = () => {};

/** Says what is done when a call finds nobody signed in. */
export function whenSignedOut(callback: () => void): void {
  onSignedOut = callback;
}

/** Sends a call and gives the reply, whatever it is. */
export function send(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(path, {
    method,
    headers: {
      [HEADERS.console]: "1",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    body: body === undefined ? null : JSON.stringify(body),
    signal: signal ?? null,
  });
}

/**
 * Sends a call and gives its JSON.
 *
 * @throws {ApiError} for any reply but success
 */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let reply: Response;
  try {
    reply = await send(method, path, body);
  } catch {
    throw new ApiError(0, "UNREACHABLE", "orchestratord cannot be reached");
  }
  if (!reply.ok) throw await errorOf(reply);
  return await reply.json();
}

/** The error that a reply tells of. */
export async function errorOf(reply: Response): Promise<ApiError> {
  if (reply.status === 401) onSignedOut();
  try {
    const { error } = await reply.json() as ErrorBody;
    return new ApiError(reply.status, error.code, error.message);
  } catch {
    return new ApiError(reply.status, "UNKNOWN", `The reply was ${reply.status}`);
  }
}

/** A part of a path. */
export const segment = (text: string): string => encodeURIComponent(text);
