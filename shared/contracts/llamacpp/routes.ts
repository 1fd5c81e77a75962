import { idempotent } from "../common.ts";
import { JOB_ERRORS, KEYED_JOB_ERRORS } from "../job_errors.ts";
import { chatRequest } from "../openai/chat.ts";
import { EXACT_FIELDS } from "../request.ts";
import { defineRoute } from "../route.ts";
import { nativeChunk, nativeCompletion, nativeCompletionRequest } from "./completion.ts";
import { llamaDialect } from "./dialect.ts";
import { infillRequest } from "./infill.ts";
import { nativeProps, propsQuery } from "./props.ts";
import {
  nativeDetokenizeRequest,
  nativeEmbeddingRequest,
  nativeEmbeddings,
  nativePrompt,
  nativeText,
  nativeTokenizeRequest,
  nativeTokens,
} from "./tokens.ts";

const llama = {
  tag: "llama-server",
  dialect: llamaDialect,
  anyContentType: true,
  pages: true,
} as const;

/** A route that generates. */
const generates = {
  ...llama,
  role: "client",
  headers: idempotent,
  status: 200,
  reply: nativeCompletion,
  kind: "maybe-stream",
  event: nativeChunk,
  errors: KEYED_JOB_ERRORS,
} as const;

/** A route with one reply. */
const answers = {
  ...llama,
  role: "client",
  status: 200,
  kind: "json",
  errors: JOB_ERRORS,
} as const;

/** The routes of llama-server's own API. */
export const llamaRoutes = {
  infill: defineRoute({
    method: "POST",
    path: "/infill",
    summary: "Fill a gap in code, in llama-server's shape, streaming or not",
    ...generates,
    body: infillRequest,
  }),
  nativeCompletion: defineRoute({
    method: "POST",
    path: "/completion",
    summary: "Complete a plain prompt in llama-server's shape, streaming or not",
    ...generates,
    body: nativeCompletionRequest,
    exact: EXACT_FIELDS,
  }),
  nativeTokenize: defineRoute({
    method: "POST",
    path: "/tokenize",
    summary: "Turn a text into token ids",
    ...answers,
    body: nativeTokenizeRequest,
    reply: nativeTokens,
  }),
  nativeDetokenize: defineRoute({
    method: "POST",
    path: "/detokenize",
    summary: "Turn token ids into text",
    ...answers,
    body: nativeDetokenizeRequest,
    reply: nativeText,
  }),
  nativeTemplate: defineRoute({
    method: "POST",
    path: "/apply-template",
    summary: "Turn a chat into the text of its prompt",
    ...answers,
    body: chatRequest,
    exact: EXACT_FIELDS,
    reply: nativePrompt,
  }),
  nativeEmbedding: defineRoute({
    method: "POST",
    path: "/embedding",
    summary: "Embed texts in llama-server's shape",
    ...answers,
    body: nativeEmbeddingRequest,
    reply: nativeEmbeddings,
  }),
  nativeProps: defineRoute({
    method: "GET",
    path: "/props",
    summary: "Get what a model is served with, in llama-server's shape; loads nothing",
    ...llama,
    role: "client",
    query: propsQuery,
    status: 200,
    reply: nativeProps,
    kind: "json",
    errors: ["MODEL_NOT_FOUND", "POOL_UNAVAILABLE", "NOT_READY"],
  }),
  changeProps: defineRoute({
    method: "POST",
    path: "/props",
    summary: "Change what models are served with: always refused",
    ...llama,
    role: "client",
    status: 200,
    reply: nativeProps,
    kind: "json",
    errors: ["NOT_IMPLEMENTED"],
  }),
};
