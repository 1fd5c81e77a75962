import { idempotent } from "../common.ts";
import { JOB_ERRORS, KEYED_JOB_ERRORS } from "../job_errors.ts";
import { defineRoute } from "../route.ts";
import { anthropicDialect } from "./dialect.ts";
import {
  countTokensReply,
  countTokensRequest,
  messageReply,
  MESSAGES_EXACT_FIELDS,
  messagesEvent,
  messagesRequest,
} from "./messages.ts";

const anthropic = {
  tag: "anthropic",
  dialect: anthropicDialect,
  pages: true,
  anyContentType: true,
} as const;

/** The routes that Anthropic's clients call. */
export const anthropicRoutes = {
  messages: defineRoute({
    method: "POST",
    path: "/v1/messages",
    summary: "Chat in Anthropic's shape, streaming or not",
    ...anthropic,
    role: "client",
    headers: idempotent,
    body: messagesRequest,
    images: true,
    exact: MESSAGES_EXACT_FIELDS,
    status: 200,
    reply: messageReply,
    kind: "maybe-stream",
    event: messagesEvent,
    errors: KEYED_JOB_ERRORS,
  }),
  countTokens: defineRoute({
    method: "POST",
    path: "/v1/messages/count_tokens",
    summary: "Count the tokens of a prompt in Anthropic's shape, without an answer",
    ...anthropic,
    role: "client",
    body: countTokensRequest,
    images: true,
    exact: MESSAGES_EXACT_FIELDS,
    status: 200,
    reply: countTokensReply,
    kind: "json",
    errors: JOB_ERRORS,
  }),
};
