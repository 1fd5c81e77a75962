import type { embeddingsReply, EmbeddingsRequest } from "#shared/contracts/mod.ts";
import type { z } from "zod";
import { floats } from "../dialect/vectors.ts";

/**
 * A reply to a request for embeddings.
 *
 * @param vectors 32-bit little-endian floats in base64, in the order of the inputs.
 * @param tokens Tokens of all inputs.
 */
export function embeddingsOf(
  { model, encoding_format }: Pick<EmbeddingsRequest, "model" | "encoding_format">,
  vectors: readonly string[],
  tokens: number,
): z.input<typeof embeddingsReply> {
  return {
    object: "list",
    model,
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: encoding_format === "base64" ? vector : floats(vector),
    })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}
