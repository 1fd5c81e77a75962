import { defined } from "../json.ts";
import type { z } from "zod";
import { LlorchError } from "../errors.ts";
import { type ErrorBody, errorBody } from "./common.ts";

/**
 * How an API writes errors. Each vendor's API has a dialect of its own; `Route.dialect` names it.
 */
export interface Dialect {
  readonly name: string;
  /** The JSON body of every error reply. */
  readonly errorBody: z.ZodType;
  /** Writes an error as a body and headers of this API. */
  writeError(error: LlorchError, correlationId: string): ErrorReply;
  /** Reads an error from a JSON body; undefined if the body is not an error of this API. */
  readError(body: unknown): LlorchError | undefined;
}

/** An error reply without its status, which is the error's. */
export interface ErrorReply {
  /** Sent as JSON. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client's automatic retries are over before a longer wait is, in ms. */
const LONGEST_WAIT_MS = 60_000;

/** Whether a client should try again by itself: the error can pass, and does so within a minute. */
export function isWorthRetrying({ retriable, retryAfterMs = 0 }: LlorchError): boolean {
  return retriable && retryAfterMs <= LONGEST_WAIT_MS;
}

/** llorch's own API, used by every route that names no other dialect. */
export const ownDialect: Dialect = {
  name: "llorch",
  errorBody,
  writeError({ code, message, details, retriable, retryAfterMs }, correlationId) {
    const body: ErrorBody = {
      error: {
        code,
        message,
        ...defined({ details }),
        retriable,
        ...defined({ retry_after_ms: retryAfterMs }),
        correlation_id: correlationId,
      },
    };
    return { body };
  },
  readError(body) {
    const parsed = errorBody.safeParse(body);
    if (!parsed.success) return undefined;
    const { code, message, details, retriable, retry_after_ms } = parsed.data.error;
    return new LlorchError(code, message, {
      retriable,
      ...defined({ details, retryAfterMs: retry_after_ms }),
    });
  },
};
