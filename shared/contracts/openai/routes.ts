import { z } from "zod";
import { anthropicPage, anthropicVersion, anyModel, anyModelList } from "./common.ts";
import { EXACT_FIELDS } from "../request.ts";
import { chatChunk, chatCompletion, chatRequest } from "./chat.ts";
import { completion, completionChunk, completionRequest } from "./completions.ts";
import {
  embeddingsReply,
  embeddingsRequest,
  rankReply,
  rankRequest,
  textRanks,
} from "./embeddings.ts";
import { transcription, transcriptionEvent, transcriptionForm } from "./transcriptions.ts";
import { anthropicDialect } from "../anthropic/dialect.ts";
import { openaiDialect } from "./dialect.ts";
import { idempotent, modelName } from "../common.ts";
import { JOB_ERRORS, KEYED_JOB_ERRORS } from "../job_errors.ts";
import { defineRoute } from "../route.ts";

const openai = {
  tag: "openai",
  dialect: openaiDialect,
  pages: true,
  anyContentType: true,
} as const;

/** The `/v1` routes, which OpenAI's clients call. */
export const openaiRoutes = {
  openaiModels: defineRoute({
    method: "GET",
    path: "/v1/models",
    summary: "List models in OpenAI's shape, or in Anthropic's for its clients",
    ...openai,
    role: "client",
    otherDialect: { header: "anthropic-version", dialect: anthropicDialect },
    headers: anthropicVersion,
    query: anthropicPage,
    status: 200,
    reply: anyModelList,
    kind: "json",
    errors: [],
  }),
  openaiModel: defineRoute({
    method: "GET",
    path: "/v1/models/{model}",
    summary: "Get a model in OpenAI's shape, or in Anthropic's for its clients",
    ...openai,
    role: "client",
    otherDialect: { header: "anthropic-version", dialect: anthropicDialect },
    headers: anthropicVersion,
    params: z.object({ model: modelName }),
    status: 200,
    reply: anyModel,
    kind: "json",
    errors: ["MODEL_NOT_FOUND", "POOL_UNAVAILABLE", "NOT_READY"],
  }),
  chat: defineRoute({
    method: "POST",
    path: "/v1/chat/completions",
    summary: "Chat in OpenAI's shape, streaming or not",
    ...openai,
    role: "client",
    headers: idempotent,
    body: chatRequest,
    images: true,
    exact: EXACT_FIELDS,
    status: 200,
    reply: chatCompletion,
    kind: "maybe-stream",
    event: chatChunk,
    errors: KEYED_JOB_ERRORS,
  }),
  completions: defineRoute({
    method: "POST",
    path: "/v1/completions",
    summary: "Completion of plain prompts in OpenAI's shape, streaming or not",
    ...openai,
    role: "client",
    headers: idempotent,
    body: completionRequest,
    status: 200,
    reply: completion,
    kind: "maybe-stream",
    event: completionChunk,
    errors: KEYED_JOB_ERRORS,
  }),
  transcribe: defineRoute({
    method: "POST",
    path: "/v1/audio/transcriptions",
    summary: "The text of a sound in OpenAI's shape, streaming or not, by a model that hears",
    tag: "openai",
    dialect: openaiDialect,
    pages: true,
    role: "client",
    headers: idempotent,
    form: transcriptionForm,
    images: true,
    status: 200,
    reply: transcription,
    kind: "maybe-stream",
    types: ["text/plain"],
    event: transcriptionEvent,
    errors: KEYED_JOB_ERRORS,
  }),
  embeddings: defineRoute({
    method: "POST",
    path: "/v1/embeddings",
    summary: "Embed texts as vectors of length 1, in OpenAI's shape",
    ...openai,
    role: "client",
    body: embeddingsRequest,
    status: 200,
    reply: embeddingsReply,
    kind: "json",
    errors: JOB_ERRORS,
  }),
  rank: defineRoute({
    method: "POST",
    path: "/v1/rerank",
    summary: "Rank documents by how well they answer a query, in the shape of Jina, Cohere or TEI",
    ...openai,
    role: "client",
    body: rankRequest,
    status: 200,
    reply: z.union([rankReply, textRanks]),
    kind: "json",
    errors: JOB_ERRORS,
  }),
};
