import { defined } from "../json.ts";
import type { z } from "zod";
import { LlorchError } from "../errors.ts";
import { type ErrorBody, errorBody } from "./common.ts";

/** How an API says that a request failed. Each vendor's API has one; `Route.dialect` names it. */
export interface Dialect {
  readonly name: string;
  /** The JSON body of every error reply. */
  readonly errorBody: z.ZodType;
  /** An error as a body and headers of this API. */
  writeError(error: LlorchError, correlationId: string): ErrorReply;
  /** The error that a JSON body holds; undefined where it is not an error of this API. */
  readError(body: unknown): LlorchError | undefined;
}

/** What a dialect adds to a reply that has the error's status. */
export interface ErrorReply {
  /** To be sent as JSON. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** llorch's own API: every route that names no other dialect. */
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
