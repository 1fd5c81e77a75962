import { z } from "zod";
import { tokenId } from "../common.ts";
import { always, refuse } from "./common.ts";
import { ALWAYS, modelName } from "../request.ts";
import { embedRequest, rerankRequest } from "../worker.ts";

const text = z.string().min(1);
const tokens = z.array(tokenId).min(1);

/** `POST /v1/embeddings`. */
export const embeddingsRequest = z.looseObject({
  model: modelName,
  input: z.union([text, tokens, embedRequest.shape.input], {
    error: "must be a text, token ids, or a list of at most 2048 of either, none empty",
  }),
  encoding_format: z.enum(["float", "base64"]).nullish(),
}).superRefine(refuse({ dimensions: always }), ALWAYS).meta({ id: "EmbeddingsRequest" });

/** A validated request for embeddings. */
export type EmbeddingsRequest = z.output<typeof embeddingsRequest>;

/** The inputs of a request, each a text or token ids. */
export function inputsOf(input: EmbeddingsRequest["input"]): (string | number[])[] {
  if (typeof input === "string") return [input];
  return typeof input[0] === "number" ? [input as number[]] : input as (string | number[])[];
}

const usage = z.object({ prompt_tokens: z.number().int(), total_tokens: z.number().int() });

/** Embeddings in the order of the inputs. */
export const embeddingsReply = z.object({
  object: z.literal("list"),
  model: z.string(),
  data: z.array(z.object({
    object: z.literal("embedding"),
    index: z.number().int(),
    embedding: z.union([z.array(z.number()), z.string()])
      .meta({ description: "Floats, or in base64 32-bit floats, little-endian" }),
  })),
  usage,
}).meta({ id: "Embeddings" });

/** `POST /v1/rerank`, in the shape of Jina and Cohere. */
export const rankRequest = z.looseObject({
  model: modelName,
  query: rerankRequest.shape.query,
  documents: z.array(z.union([z.string(), z.object({ text: z.string() })])).min(1).max(1000),
  top_n: z.number().int().min(1).nullish(),
  return_documents: z.boolean().nullish(),
}).meta({ id: "RankRequest" });

/** Documents, best first. */
export const rankReply = z.object({
  model: z.string(),
  results: z.array(z.object({
    index: z.number().int().meta({ description: "The document's place in the request" }),
    relevance_score: z.number(),
    document: z.object({ text: z.string() }).optional(),
  })),
  usage,
}).meta({ id: "RankReply" });
