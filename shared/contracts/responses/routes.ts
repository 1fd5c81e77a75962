import { JOB_ERRORS } from "../job_errors.ts";
import { openaiDialect } from "../openai/dialect.ts";
import { defineRoute } from "../route.ts";
import { response, responseEvent, RESPONSES_EXACT_FIELDS, responsesRequest } from "./responses.ts";

const openai = { tag: "openai", dialect: openaiDialect } as const;

/** OpenAI's newer API. */
export const responsesRoutes = {
  respond: defineRoute({
    method: "POST",
    path: "/v1/responses",
    summary: "Respond to a conversation in OpenAI's newer shape, streaming or not",
    ...openai,
    role: "client",
    body: responsesRequest,
    exact: RESPONSES_EXACT_FIELDS,
    status: 200,
    reply: response,
    kind: "maybe-stream",
    event: responseEvent,
    errors: JOB_ERRORS,
  }),
};
