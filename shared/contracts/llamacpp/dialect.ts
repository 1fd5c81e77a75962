import { z } from "zod";
import { LlorchError } from "../../errors.ts";
import { errorCode } from "../common.ts";
import { loadingOf, loadingView } from "../loading.ts";
import { overflowOf } from "../overflow.ts";
import type { Dialect } from "../dialect.ts";

/** Error body of llama-server's routes, with llorch's code beside. */
export const llamaErrorBody = z.object({
  error: z.object({
    code: z.number().int().meta({ description: "The HTTP status" }),
    message: z.string(),
    type: z.string(),
    llorch_code: errorCode,
    n_prompt_tokens: z.number().int().optional(),
    n_ctx: z.number().int().optional(),
    loading: loadingView.optional(),
  }),
}).meta({ id: "LlamaServerError" });

/** llama-server's own API. */
export const llamaDialect: Dialect = {
  name: "llama-server",
  errorBody: llamaErrorBody,
  writeError: (error) => ({ body: llamaError(error) }),
  readError(body) {
    const parsed = llamaErrorBody.safeParse(body);
    if (!parsed.success) return undefined;
    return new LlorchError(parsed.data.error.llorch_code, parsed.data.error.message);
  },
};

/** llama-server's types by status. It never answers 429, which means here what its 503 does: try later. */
const TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  429: "unavailable_error",
  501: "not_supported_error",
  503: "unavailable_error",
};

function typeOf(status: number): string {
  return TYPES[status] ?? (status < 500 ? "invalid_request_error" : "server_error");
}

/** An error's body. */
export function llamaError(error: LlorchError) {
  const { code, message, status } = error;
  const overflow = overflowOf(error);
  if (overflow) {
    const { tokens: n_prompt_tokens, context: n_ctx, note } = overflow;
    const type = "exceed_context_size_error";
    const words = `request (${n_prompt_tokens} tokens) exceeds the available context size ` +
      `(${n_ctx} tokens), try increasing it${note}`;
    const base = { code: status, message: words, type, llorch_code: code };
    return { error: { ...base, n_prompt_tokens, n_ctx } };
  }
  return {
    error: { code: status, message, type: typeOf(status), llorch_code: code, ...loadingOf(error) },
  };
}
