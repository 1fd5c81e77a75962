import { z } from "zod";
import { LlorchError } from "../../errors.ts";
import { errorCode } from "../common.ts";
import type { Dialect } from "../dialect.ts";
import { loadingOf, loadingView } from "../loading.ts";

/** Error body of Ollama's routes, with llorch's code beside. */
export const ollamaErrorBody = z.object({
  error: z.string(),
  code: errorCode,
  loading: loadingView.optional(),
})
  .meta({ id: "OllamaError" });

/** Ollama's API: `/api/…`. */
export const ollamaDialect: Dialect = {
  name: "ollama",
  errorBody: ollamaErrorBody,
  writeError: (error) => ({ body: ollamaError(error) }),
  readError(body) {
    const parsed = ollamaErrorBody.safeParse(body);
    return parsed.success ? new LlorchError(parsed.data.code, parsed.data.error) : undefined;
  },
};

/** An error's body, which is also the last line of a stream that failed. */
export function ollamaError(error: LlorchError): z.output<typeof ollamaErrorBody> {
  return { error: error.message, code: error.code, ...loadingOf(error) };
}
