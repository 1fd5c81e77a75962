import { type ErrorCode, type FieldError, LlorchError } from "../../errors.ts";
import type { Dialect } from "../dialect.ts";
import { openaiErrorBody } from "./common.ts";

/** The `type` that OpenAI's clients expect with a code; for other codes it follows the status. */
const TYPES: Partial<Readonly<Record<ErrorCode, string>>> = {
  UNAUTHORIZED: "authentication_error",
  FORBIDDEN: "permission_error",
  QUEUE_FULL: "rate_limit_error",
  RATE_LIMITED: "rate_limit_error",
  CANCELLED: "cancelled",
};

/** OpenAI's API: `/v1/…`. */
export const openaiDialect: Dialect = {
  name: "openai",
  errorBody: openaiErrorBody,
  writeError(error) {
    // Without it, OpenAI's clients would try again after any 409 or 5xx.
    return { body: openaiError(error), headers: { "x-should-retry": String(error.retriable) } };
  },
  readError(body) {
    const parsed = openaiErrorBody.safeParse(body);
    if (!parsed.success) return undefined;
    return new LlorchError(parsed.data.error.code, parsed.data.error.message);
  },
};

/** An error's body; `param` is the first wrong field, or null if none is named. */
export function openaiError({ code, message, details, status }: LlorchError) {
  const fields = details?.["errors"] as readonly FieldError[] | undefined;
  const type = TYPES[code] ?? (status < 500 ? "invalid_request_error" : "server_error");
  return { error: { message, type, param: fields?.[0]?.field || null, code } };
}
