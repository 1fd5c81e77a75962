import { type Dialect, ownDialect } from "../contracts/dialect.ts";
import { HEADERS } from "../defaults.ts";
import type { LlorchError } from "../errors.ts";
import { WholeResponse } from "./whole_response.ts";

/** Makes browsers keep to the content type, so that a model's text is never shown as a page. */
export const NOSNIFF = ["x-content-type-options", "nosniff"] as const;

/** When to try again if the error does not say it, in milliseconds. */
const RETRY_AFTER_MS = 1000;

/** Makes an HTTP reply of an error. No other function does. */
export function errorReply(
  error: LlorchError,
  correlationId: string,
  dialect: Dialect = ownDialect,
): Response {
  const { body, headers: more } = dialect.writeError(error, correlationId);
  const headers = new Headers([
    [HEADERS.correlationId, correlationId],
    [HEADERS.requestId, correlationId],
    [...NOSNIFF],
  ]);
  const retryAfterMs = error.retryAfterMs ?? (error.retriable ? RETRY_AFTER_MS : undefined);
  if (retryAfterMs !== undefined) {
    headers.set("retry-after", String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
  }
  if (error.code === "UNAUTHORIZED") headers.set("www-authenticate", "Bearer");
  for (const [name, value] of Object.entries(more ?? {})) headers.set(name, value);
  return WholeResponse.json(body, { status: error.status, headers });
}
