/** All calls to orchestratord; the live feed is in `live.ts`. */
import { HEADERS } from "#shared/defaults.ts";
import type { ErrorBody } from "#shared/contracts/mod.ts";
import { askedMs } from "./reconnect.ts";

/** A failed call. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  readonly code: string;
  /** How long the reply asks to wait before another call. */
  readonly retryAfterMs: number | undefined;

  /** @param status HTTP status; 0 if there was no reply */
  constructor(status: number, code: string, message: string, retryAfterMs?: number) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

let onSignedOut = () => {};

/** Sets what is called when a call is refused because nobody is signed in. */
export function whenSignedOut(callback: () => void): void {
  onSignedOut = callback;
}

/** Options of {@linkcode send}. */
export interface Sent {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Address of the service that this page comes from, without a trailing slash: it differs from the origin
 * behind a proxy with a sub-path.
 */
export const serviceUrl = (): string => new URL(".", location.href).href.replace(/\/$/, "");

/**
 * Sends a call and returns the reply, whatever its status.
 *
 * @throws {ApiError} if there is no reply
 */
export async function send(method: string, path: string, sent: Sent = {}): Promise<Response> {
  const { body, headers, signal } = sent;
  const type = body === undefined ? {} : { "content-type": "application/json" };
  try {
    return await fetch(serviceUrl() + path, {
      method,
      headers: { [HEADERS.console]: "1", ...type, ...headers },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch {
    throw unreachable();
  }
}

/** The error if there is no reply, or only a part of it; the messages of browsers do not help people. */
export function unreachable(): ApiError {
  const message = "orchestratord does not answer: it may be down or restarting";
  return new ApiError(0, "UNREACHABLE", message);
}

/**
 * Sends a call and returns the JSON of its reply.
 *
 * @throws {ApiError} unless the call succeeds
 */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const reply = await send(method, path, { body });
  if (!reply.ok) throw await errorOf(reply);
  try {
    return await reply.json();
  } catch {
    throw unreachable();
  }
}

/** The error of a reply that is no success. */
export async function errorOf(reply: Response): Promise<ApiError> {
  const { status } = reply;
  if (status === 401) onSignedOut();
  const header = reply.headers.get("retry-after");
  try {
    const { error } = await reply.json() as ErrorBody;
    const asked = askedMs(header, error.retry_after_ms);
    return new ApiError(status, error.code, error.message, asked);
  } catch {
    // Errors of a proxy have another format.
    const asked = askedMs(header, undefined);
    return new ApiError(status, "UNKNOWN", `The call failed with HTTP status ${status}`, asked);
  }
}

/** Encodes a segment of a path. */
export const segment = (text: string): string => encodeURIComponent(text);
