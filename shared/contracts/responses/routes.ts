import { z } from "zod";
import { idempotencyKey } from "../common.ts";
import { JOB_ERRORS } from "../job_errors.ts";
import { openaiDialect } from "../openai/dialect.ts";
import { pageFields } from "../openai/files.ts";
import { defineRoute } from "../route.ts";
import {
  deletedResponse,
  listedResponse,
  response,
  responseEvent,
  responseInput,
  RESPONSES_EXACT_FIELDS,
  responsesRequest,
} from "./responses.ts";

const byId = z.object({ id: z.string().min(1).max(256) });
const openai = {
  tag: "openai",
  dialect: openaiDialect,
  pages: true,
  anyContentType: true,
} as const;

/** OpenAI's newer API. */
export const responsesRoutes = {
  respond: defineRoute({
    method: "POST",
    path: "/v1/responses",
    summary: "Respond to a conversation in OpenAI's newer shape, streaming or not",
    ...openai,
    role: "client",
    headers: z.object({ "idempotency-key": idempotencyKey.optional() }),
    body: responsesRequest,
    images: true,
    exact: RESPONSES_EXACT_FIELDS,
    status: 200,
    reply: response,
    kind: "maybe-stream",
    event: responseEvent,
    errors: [...JOB_ERRORS, "NOT_FOUND", "CONFLICT", "CONTENT_EXPIRED"],
  }),
  listResponses: defineRoute({
    method: "GET",
    path: "/v1/responses",
    summary: "List stored responses, newest first",
    ...openai,
    role: "client",
    query: z.object({
      limit: z.coerce.number().int().min(1).max(100).default(20),
      after: z.string().max(256).optional()
        .meta({ description: "Id of the last response seen" }),
    }),
    status: 200,
    reply: z.object({ ...pageFields, data: z.array(listedResponse) }).meta({ id: "ResponseList" }),
    kind: "json",
    errors: ["NOT_FOUND"],
  }),
  getResponse: defineRoute({
    method: "GET",
    path: "/v1/responses/{id}",
    summary: "Get a stored response, or the events of one with background: true again",
    ...openai,
    role: "client",
    params: byId,
    query: z.object({
      stream: z.enum(["true", "false"]).default("false"),
      starting_after: z.string().regex(/^\d{1,15}$/, "must be the number of an event").optional(),
    }),
    status: 200,
    reply: response,
    kind: "maybe-stream",
    event: responseEvent,
    errors: ["NOT_FOUND", "CONFLICT", "CONTENT_EXPIRED", "NOT_READY"],
  }),
  cancelResponse: defineRoute({
    method: "POST",
    path: "/v1/responses/{id}/cancel",
    summary: "Cancel a response that is being made; one that has ended stays as it is",
    ...openai,
    role: "client",
    params: byId,
    status: 200,
    reply: response,
    kind: "json",
    errors: ["NOT_FOUND"],
  }),
  deleteResponse: defineRoute({
    method: "DELETE",
    path: "/v1/responses/{id}",
    summary: "Erase a stored response",
    ...openai,
    role: "client",
    params: byId,
    status: 200,
    reply: deletedResponse,
    kind: "json",
    errors: ["NOT_FOUND"],
  }),
  responseInput: defineRoute({
    method: "GET",
    path: "/v1/responses/{id}/input_items",
    summary: "List what a client sent for a stored response",
    ...openai,
    role: "client",
    params: byId,
    query: z.object({
      limit: z.coerce.number().int().min(1).max(100).default(20),
      order: z.enum(["asc", "desc"]).default("desc"),
      after: z.string().max(256).optional(),
    }),
    status: 200,
    reply: responseInput,
    kind: "json",
    errors: ["NOT_FOUND"],
  }),
};
