import type { embeddingsReply, EmbeddingsRequest } from "#shared/contracts/mod.ts";
import type { z } from "zod";
import { cut, floats, toBase64 } from "../dialect/vectors.ts";

/** What of a request for embeddings shapes its reply. */
type Asked = Pick<EmbeddingsRequest, "model" | "encoding_format" | "dimensions">;

/**
 * A reply to a request for embeddings.
 *
 * @param vectors 32-bit little-endian floats in base64, in the order of the inputs.
 * @param tokens Tokens of all inputs.
 * @throws {LlorchError} `INVALID_REQUEST` if a vector has fewer numbers than are asked for
 */
export function embeddingsOf(
  { model, encoding_format, dimensions }: Asked,
  vectors: readonly string[],
  tokens: number,
): z.input<typeof embeddingsReply> {
  const written = (vector: string) => {
    if (!dimensions) return encoding_format === "base64" ? vector : floats(vector);
    const shorter = cut(floats(vector), dimensions);
    return encoding_format === "base64" ? toBase64(shorter) : shorter;
  };
  return {
    object: "list",
    model,
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: written(vector),
    })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}
