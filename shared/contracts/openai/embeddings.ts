import { z } from "zod";
import { tokenId } from "../common.ts";
import { ALWAYS, optionalModelName } from "../request.ts";
import { embedRequest, rerankRequest } from "../worker.ts";
import { always, is, isEmpty, refuse, type Unsupported } from "./unsupported.ts";

const text = z.string().min(1);
const tokens = z.array(tokenId).min(1);

/** Vectors have a length of 1, which is norm 2. */
const UNSUPPORTED_OF_EMBEDDINGS: Unsupported = {
  truncate_prompt_tokens: always,
  embd_normalize: is(2),
  normalize: is(true),
};

/** Body of `POST /v1/embeddings`. */
export const embeddingsRequest = z.looseObject({
  model: optionalModelName,
  input: z.union([text, tokens, embedRequest.shape.input], {
    error: "must be a text, token ids, or a list of at most 2048 of either, none empty",
  }),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.number().int().min(1).nullish().meta({
    description:
      "First numbers of each vector, scaled to length 1 again: for models whose vectors " +
      "may be cut",
  }),
}).superRefine(refuse(UNSUPPORTED_OF_EMBEDDINGS), ALWAYS).meta({ id: "EmbeddingsRequest" });

/** A validated request for embeddings. */
export type EmbeddingsRequest = z.output<typeof embeddingsRequest>;

/** The inputs of a request as a list, each a text or token ids. */
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
      .meta({ description: "Numbers, or 32-bit little-endian floats in base64" }),
  })),
  usage,
}).meta({ id: "Embeddings" });

const { query, documents } = rerankRequest.shape;

/** Scores come as the engine gives them, and documents are ranked by their whole text. */
const UNSUPPORTED_OF_RANKS: Unsupported = {
  raw_scores: is(false),
  max_tokens_per_doc: always,
  max_chunks_per_doc: always,
  rank_fields: (value) => isEmpty(value) || isOnlyText(value),
};

/** Whether documents are ranked by their text, as they always are. */
function isOnlyText(fields: unknown): boolean {
  return Array.isArray(fields) && fields.length === 1 && fields[0] === "text";
}

/** Body of `POST /v1/rerank`: `documents` in the shape of Jina and Cohere, `texts` in that of TEI. */
export const rankRequest = z.looseObject({
  model: optionalModelName,
  query,
  documents: z.array(z.union([z.string(), z.object({ text: z.string() })])).min(1).max(1000)
    .optional(),
  texts: documents.optional(),
  top_n: z.number().int().min(1).nullish(),
  return_documents: z.boolean().nullish(),
  return_text: z.boolean().nullish().meta({ description: "The same beside texts" }),
}).superRefine(refuse(UNSUPPORTED_OF_RANKS), ALWAYS).refine(
  (body) => (body.documents === undefined) !== (body.texts === undefined),
  { error: "exactly one of documents and texts is needed", path: ["documents"], ...ALWAYS },
).meta({ id: "RankRequest" });

/** Documents, most relevant first, in the shape of Jina and Cohere. */
export const rankReply = z.object({
  id: z.string(),
  model: z.string(),
  results: z.array(z.object({
    index: z.number().int().meta({ description: "Index of the document in the request, from 0" }),
    relevance_score: z.number(),
    document: z.object({ text: z.string() }).optional(),
  })),
  usage,
}).meta({ id: "RankReply" });

/** Texts, most relevant first, in the shape of TEI. */
export const textRanks = z.array(z.object({
  index: z.number().int(),
  score: z.number(),
  text: z.string().optional(),
})).meta({ id: "TextRanks" });
