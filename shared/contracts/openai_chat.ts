import { z } from "zod";
import {
  always,
  openaiHead,
  openaiShape,
  openaiUsage,
  refuse,
  type Unsupported,
} from "./openai_common.ts";
import { ALWAYS, modelName, requestShape } from "./request.ts";

/** A part of a message's content; only text can be answered. */
const textPart = z.object({ type: z.literal("text"), text: z.string() });

const chatMessage = z.object({
  role: z.enum(["system", "developer", "user", "assistant"]),
  content: z.union([z.string(), z.array(textPart).min(1)], {
    error: "must be text, or a list of parts of type text",
  }),
  name: z.string().optional(),
});

const UNSUPPORTED: Unsupported = {
  tools: (value) => Array.isArray(value) && value.length === 0,
  tool_choice: (value) => value === "none" || value === "auto",
  functions: always,
  function_call: always,
  audio: always,
  modalities: (value) => Array.isArray(value) && value.length === 1 && value[0] === "text",
  prediction: always,
  web_search_options: always,
  logprobs: (value) => value === false,
  top_logprobs: always,
  best_of: (value) => value === 1,
};

const responseFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object({ name: z.string(), schema: z.record(z.string(), z.unknown()) }),
  }),
]);

/** `POST /v1/chat/completions`. */
export const chatRequest = z.looseObject({
  model: modelName,
  messages: z.array(chatMessage).min(1).max(4096),
  ...openaiShape,
  max_completion_tokens: requestShape.max_tokens.nullable(),
  response_format: responseFormat.nullish(),
}).superRefine(refuse(UNSUPPORTED), ALWAYS).meta({ id: "ChatRequest" });

/** A validated chat request. */
export type ChatRequest = z.output<typeof chatRequest>;

const finishReason = z.enum(["stop", "length", "tool_calls"]);

/** A whole answer. */
export const chatCompletion = z.object({
  ...openaiHead,
  object: z.literal("chat.completion"),
  choices: z.array(z.object({
    index: z.number().int(),
    message: z.object({
      role: z.literal("assistant"),
      content: z.string().nullable(),
      refusal: z.null(),
    }),
    logprobs: z.null(),
    finish_reason: finishReason,
  })),
  usage: openaiUsage,
}).meta({ id: "ChatCompletion" });

/** A whole answer. */
export type ChatCompletion = z.output<typeof chatCompletion>;

/** A piece of a streamed answer. */
export const chatChunk = z.object({
  ...openaiHead,
  object: z.literal("chat.completion.chunk"),
  choices: z.array(z.object({
    index: z.number().int(),
    delta: z.object({ role: z.literal("assistant").optional(), content: z.string().optional() }),
    logprobs: z.null(),
    finish_reason: finishReason.nullable(),
  })),
  usage: openaiUsage.nullable().optional(),
}).meta({ id: "ChatChunk" });

/** A piece of a streamed answer. */
export type ChatChunk = z.output<typeof chatChunk>;
