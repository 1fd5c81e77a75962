import { z } from "zod";
import { LlorchError } from "../../errors.ts";
import { type Dialect, isWorthRetrying } from "../dialect.ts";
import { openaiCode, OWN_CODES } from "../openai/common.ts";
import { loadingOf, loadingView } from "../loading.ts";
import { overflowOf } from "../overflow.ts";

/** The `type` that Anthropic's clients expect with a status; others are `api_error`. */
const TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  405: "invalid_request_error",
  409: "invalid_request_error",
  410: "not_found_error",
  413: "request_too_large",
  415: "invalid_request_error",
  422: "invalid_request_error",
  429: "rate_limit_error",
  431: "request_too_large",
  499: "invalid_request_error",
  503: "overloaded_error",
  504: "timeout_error",
};

/** Error body of the routes of Anthropic's API, with llorch's code beside, as on all of `/v1`. */
export const anthropicErrorBody = z.object({
  type: z.literal("error"),
  error: z.object({
    type: z.string(),
    message: z.string(),
    code: z.enum([...OWN_CODES.keys()]),
    loading: loadingView.optional(),
  }),
  request_id: z.string().nullable(),
}).meta({ id: "AnthropicError" });

/** Anthropic's API: `/v1/messages`. */
export const anthropicDialect: Dialect = {
  name: "anthropic",
  errorBody: anthropicErrorBody,
  writeError(error, correlationId) {
    return {
      body: anthropicError(error, correlationId),
      // Without it, Anthropic's clients would try again after any 409 or 5xx, and wait at most a minute.
      headers: { "x-should-retry": String(isWorthRetrying(error)), "request-id": correlationId },
    };
  },
  readError(body) {
    const parsed = anthropicErrorBody.safeParse(body);
    if (!parsed.success) return undefined;
    const { code, message } = parsed.data.error;
    return new LlorchError(OWN_CODES.get(code)!, message);
  },
};

/** An error's body, which is also the data of a stream's `error` event. */
export function anthropicError(
  error: LlorchError,
  correlationId: string | null = null,
): z.output<typeof anthropicErrorBody> {
  const { code, status } = error;
  const overflow = overflowOf(error);
  // Claude Code shortens its conversation by these words.
  const message = overflow
    ? `prompt is too long: ${overflow.tokens} tokens > ${overflow.context} maximum` +
      overflow.note
    : error.message;
  const type = TYPES[status] ?? "api_error";
  return {
    type: "error",
    error: { type, message, code: openaiCode(code), ...loadingOf(error) },
    request_id: correlationId,
  };
}
