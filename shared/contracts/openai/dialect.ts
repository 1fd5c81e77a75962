import { type ErrorCode, type FieldError, LlorchError } from "../../errors.ts";
import { type Dialect, isWorthRetrying } from "../dialect.ts";
import type { z } from "zod";
import { loadingOf } from "../loading.ts";
import { overflowOf } from "../overflow.ts";
import { openaiCode, openaiErrorBody, OWN_CODES } from "./common.ts";

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
    // Without it, OpenAI's clients would try again after any 409 or 5xx, and wait at most a minute.
    return {
      body: openaiError(error),
      headers: { "x-should-retry": String(isWorthRetrying(error)) },
    };
  },
  readError(body) {
    const parsed = openaiErrorBody.safeParse(body);
    if (!parsed.success) return undefined;
    const { code, message } = parsed.data.error;
    return new LlorchError(OWN_CODES.get(code)!, message);
  },
};

/**
 * An error's body; `param` is the first wrong field, or null if none is named. Clients shorten their
 * conversation when a prompt does not fit: they know that by the words of OpenAI and llama-server.
 */
export function openaiError(
  error: LlorchError,
): z.input<typeof openaiErrorBody> {
  const { code, message, details, status } = error;
  const fields = details?.["errors"] as readonly FieldError[] | undefined;
  const param = fields?.[0]?.field || null;
  const overflow = overflowOf(error);
  if (overflow) {
    const { tokens, context, note } = overflow;
    return {
      error: {
        message: `request (${tokens} tokens) exceeds the available context size (${context} ` +
          `tokens): ${openaiCode(code)}${note}`,
        type: "exceed_context_size_error",
        param,
        code: openaiCode(code),
        n_prompt_tokens: tokens,
        n_ctx: context,
      },
    };
  }
  const type = TYPES[code] ?? (status < 500 ? "invalid_request_error" : "server_error");
  return { error: { message, type, param, code: openaiCode(code), ...loadingOf(error) } };
}
