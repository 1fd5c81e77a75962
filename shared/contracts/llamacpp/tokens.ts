import { z } from "zod";
import { tokenId } from "../common.ts";
import { ALWAYS, optionalModelName } from "../request.ts";
import { detokenizeRequest, embedRequest, tokenPiece } from "../worker.ts";

/** Most texts in a list to be tokenized: each is a call of a worker. */
const MAX_TEXTS = 64;
/** Most items of such a list. */
const MAX_ITEMS = 262_144;

const textsAndTokens = z.array(z.union([z.string(), tokenId])).max(MAX_ITEMS).refine(
  (items) => items.filter((item) => typeof item === "string").length <= MAX_TEXTS,
  { error: `must have at most ${MAX_TEXTS} texts` },
);

/** Body of `POST /tokenize`. */
export const nativeTokenizeRequest = z.looseObject({
  model: optionalModelName,
  content: z.union([z.string(), textsAndTokens], {
    error: "must be a text, or a list of texts and token ids",
  }).nullish().meta({ description: "Absent: no tokens" }),
  add_special: z.boolean().nullish()
    .meta({ description: "true: with the model's begin token, if it has one; default: false" }),
  parse_special: z.boolean().nullish().meta({
    description: "The text of control tokens becomes those tokens; default: true",
  }),
  with_pieces: z.boolean().nullish().meta({ description: "true: with the text of each token" }),
}).refine(
  ({ content, with_pieces }) =>
    !with_pieces || !Array.isArray(content) || content.every((item) => typeof item === "string"),
  { error: "is not supported with token ids", path: ["with_pieces"] },
).meta({ id: "NativeTokenizeRequest" });

export const nativeTokens = z.object({
  tokens: z.union([
    z.array(tokenId),
    z.array(z.object({
      id: tokenId,
      piece: tokenPiece.meta({ description: "Bytes, if it is a part of a character" }),
    })),
  ]),
}).meta({ id: "NativeTokens" });

/** Body of `POST /detokenize`. */
export const nativeDetokenizeRequest = z.looseObject({
  model: optionalModelName,
  tokens: detokenizeRequest.shape.tokens,
}).meta({ id: "NativeDetokenizeRequest" });

export const nativeText = z.object({ content: z.string() }).meta({ id: "NativeText" });

/** Reply of `POST /apply-template`. */
export const nativePrompt = z.object({ prompt: z.string() }).meta({ id: "NativePrompt" });

const content = z.union([z.string().min(1), z.array(tokenId).min(1), embedRequest.shape.input], {
  error: "must be a text, token ids, or a list of at most 2048 of either, none empty",
});

/** Body of `POST /embedding`. */
export const nativeEmbeddingRequest = z.looseObject({
  model: optionalModelName,
  content: content.optional(),
  input: content.optional().meta({ description: "The same as content" }),
  embd_normalize: z.number().int().min(0, "is not supported below 0: vectors have a length of 1")
    .max(16).nullish().meta({
      description: "0: the largest number becomes 32760; 1: their sum becomes 1; 2 (default): " +
        "the length becomes 1; more: the norm of that number",
    }),
}).refine(
  (body) => (body.content === undefined) !== (body.input === undefined),
  { error: "exactly one of content and input is needed", path: ["content"], ...ALWAYS },
).meta({ id: "NativeEmbeddingRequest" });

/** Reply of `POST /embedding`: each text has a list of one vector. */
export const nativeEmbeddings = z.array(z.object({
  index: z.number().int().min(0),
  embedding: z.array(z.array(z.number())).length(1),
})).meta({ id: "NativeEmbeddings" });
