import type { Capability } from "#shared/contracts/pool.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { OpenaiServer } from "./server.ts";

/** Finds out what the server can do, by a small request of each kind. */
export async function tryCapabilities(
  server: OpenaiServer,
  model: string,
  signal: AbortSignal,
): Promise<Capability[]> {
  const found: Capability[] = [];
  let refusal: unknown;
  const attempt = async (capability: Capability, path: string, body: Record<string, unknown>) => {
    try {
      await server.post(path, { model, ...body }, signal);
      found.push(capability);
    } catch (error) {
      signal.throwIfAborted();
      refusal ??= error;
    }
  };
  await attempt("generate", "/v1/completions", { prompt: "a", max_tokens: 1 });
  if (found.length === 0) {
    // Some servers have only chats.
    const messages = [{ role: "user", content: "a" }];
    await attempt("generate", "/v1/chat/completions", { messages, max_tokens: 1 });
  }
  await attempt("embed", "/v1/embeddings", { input: "a" });
  await attempt("rerank", "/v1/rerank", { query: "a", documents: ["a"] });
  if (found.length > 0) return found;
  throw new LlorchError(
    "WORKER_START_FAILED",
    `The engine neither generates nor makes vectors: ${errorMessage(refusal)}`,
    { cause: refusal },
  );
}
