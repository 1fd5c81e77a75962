/** The one place that talks to orchestratord; the live feed is in `live.ts`. */
import { HEADERS } from "#shared/defaults.ts";
import type { ErrorBody } from "#shared/contracts/mod.ts";
import { askedMs } from "./reconnect.ts";

/** An answer that is no success. */
export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  readonly code: string;
  /** For how long the answer asked to be left alone. */
  readonly retryAfterMs: number | undefined;

  /** @param status 0 where there was no answer */
  constructor(status: number, code: string, message: string, retryAfterMs?: number) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What is done when a call finds nobody signed in. */
let onSignedOut = () => {};

/** Says what is done when a call finds nobody signed in. */
export function whenSignedOut(callback: () => void): void {
  onSignedOut = callback;
}

/** What a call is sent with. */
export interface Sent {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/**
 * Address of the service that this page comes from, without a slash at its end: under a proxy's sub-path
 * it is not the origin.
 */
export const serviceUrl = (): string => new URL(".", location.href).href.replace(/\/$/, "");

/**
 * Sends a call and gives the reply, whatever it is.
 *
 * @throws {ApiError} when there is none
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

/** Nobody answers, or stopped in the middle: what browsers say of that helps nobody. */
export function unreachable(): ApiError {
  const message = "orchestratord does not answer: it may be down, or be starting again";
  return new ApiError(0, "UNREACHABLE", message);
}

/**
 * Sends a call and gives its JSON.
 *
 * @throws {ApiError} for any reply but success
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

/** The error that a reply tells of. */
export async function errorOf(reply: Response): Promise<ApiError> {
  const { status } = reply;
  if (status === 401) onSignedOut();
  const header = reply.headers.get("retry-after");
  try {
    const { error } = await reply.json() as ErrorBody;
    const asked = askedMs(header, error.retry_after_ms);
    return new ApiError(status, error.code, error.message, asked);
  } catch {
    // What a proxy says is not in our form.
    return new ApiError(status, "UNKNOWN", `The reply was ${status}`, askedMs(header, undefined));
  }
}

/** A part of a path. */
export const segment = (text: string): string => encodeURIComponent(text);
