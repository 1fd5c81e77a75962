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
  const type = status < 500 ? "invalid_request_error" : "server_error";
  return { error: { code: status, message, type, llorch_code: code, ...loadingOf(error) } };
}
