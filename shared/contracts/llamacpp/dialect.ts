import { z } from "zod";
import { LlorchError } from "../../errors.ts";
import { errorCode } from "../common.ts";
import type { Dialect } from "../dialect.ts";

/** Error body of llama-server's routes, with llorch's code beside. */
export const llamaErrorBody = z.object({
  error: z.object({
    code: z.number().int().meta({ description: "The HTTP status" }),
    message: z.string(),
    type: z.string(),
    llorch_code: errorCode,
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
export function llamaError({ code, message, status }: LlorchError) {
  const type = status < 500 ? "invalid_request_error" : "server_error";
  return { error: { code: status, message, type, llorch_code: code } };
}
