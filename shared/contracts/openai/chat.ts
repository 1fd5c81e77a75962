import { z } from "zod";
import {
  always,
  openaiHead,
  openaiShape,
  openaiUsage,
  refuse,
  type Unsupported,
} from "./common.ts";
import { ALWAYS, modelName, requestShape } from "../request.ts";
import { checkTools, tool, toolCall, toolShape } from "../tools.ts";

/** A part of a message's content; only text is supported. */
const textPart = z.object({ type: z.literal("text"), text: z.string() });

const content = z.union([z.string(), z.array(textPart).min(1)], {
  error: "must be text, or a list of parts of type text",
});

const chatMessage = z.discriminatedUnion("role", [
  z.object({ role: z.enum(["system", "developer", "user"]), content }),
  z.object({
    role: z.literal("assistant"),
    content: content.nullish(),
    tool_calls: z.array(toolCall).max(128).nullish(),
  }),
  z.object({ role: z.literal("tool"), content, tool_call_id: z.string().max(256) }),
]);

const UNSUPPORTED: Unsupported = {
  functions: always,
  function_call: always,
  audio: always,
  modalities: (value) => Array.isArray(value) && value.length === 1 && value[0] === "text",
  prediction: always,
  web_search_options: always,
  best_of: (value) => value === 1,
};

const responseFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object({
      name: z.string(),
      schema: z.record(z.string(), z.unknown()),
      strict: tool.shape.function.shape.strict,
    }),
  }),
]);

/** Checks fields under OpenAI's names, so that errors name what the client wrote. */
function checkChat(body: Record<string, unknown>, context: z.RefinementCtx): void {
  const format = responseFormat.safeParse(body["response_format"]);
  const schema = format.success && format.data.type !== "text" ? {} : undefined;
  if (typeof body["top_logprobs"] === "number" && body["logprobs"] !== true) {
    const message = "needs logprobs: true";
    context.addIssue({ code: "custom", path: ["top_logprobs"], message });
  }
  checkTools({ ...body, messages: [], ...(schema ? { json_schema: schema } : {}) }, context);
}

/** Body of `POST /v1/chat/completions`. */
export const chatRequest = z.looseObject({
  model: modelName,
  messages: z.array(chatMessage).min(1).max(4096),
  ...openaiShape,
  max_completion_tokens: requestShape.max_tokens.nullable(),
  response_format: responseFormat.nullish(),
  tools: toolShape.tools.nullable(),
  tool_choice: toolShape.tool_choice.nullable(),
  parallel_tool_calls: toolShape.parallel_tool_calls.nullable(),
  logprobs: z.boolean().nullish(),
  top_logprobs: requestShape.logprobs.nullable(),
}).superRefine(refuse(UNSUPPORTED), ALWAYS).superRefine(checkChat, ALWAYS).meta({
  id: "ChatRequest",
});

/** A validated chat request. */
export type ChatRequest = z.output<typeof chatRequest>;

const finishReason = z.enum(["stop", "length", "tool_calls"]);

const tokenLogprob = z.object({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(z.number().int()).nullable()
    .meta({ description: "null if the token is only a part of a character" }),
});

const chatLogprobs = z.object({
  content: z.array(tokenLogprob.extend({ top_logprobs: z.array(tokenLogprob) })),
  refusal: z.null(),
}).nullable().meta({ id: "ChatLogprobs" });

/** Probabilities of tokens in a chat. */
export type ChatLogprobs = z.output<typeof chatLogprobs>;

/** Reply of `POST /v1/chat/completions` that is not streamed. */
export const chatCompletion = z.object({
  ...openaiHead,
  object: z.literal("chat.completion"),
  choices: z.array(z.object({
    index: z.number().int(),
    message: z.object({
      role: z.literal("assistant"),
      content: z.string().nullable(),
      refusal: z.null(),
      tool_calls: z.array(toolCall).optional(),
    }),
    logprobs: chatLogprobs,
    finish_reason: finishReason,
  })),
  usage: openaiUsage,
}).meta({ id: "ChatCompletion" });

/** A chat completion that is not streamed. */
export type ChatCompletion = z.output<typeof chatCompletion>;

/** An event of a streamed chat completion. */
export const chatChunk = z.object({
  ...openaiHead,
  object: z.literal("chat.completion.chunk"),
  choices: z.array(z.object({
    index: z.number().int(),
    delta: z.object({
      role: z.literal("assistant").optional(),
      content: z.string().optional(),
      tool_calls: z.array(toolCall.extend({ index: z.number().int() })).optional(),
    }),
    logprobs: chatLogprobs,
    finish_reason: finishReason.nullable(),
  })),
  usage: openaiUsage.nullable().optional(),
}).meta({ id: "ChatChunk" });

/** An event of a streamed chat completion. */
export type ChatChunk = z.output<typeof chatChunk>;
