import { z } from "zod";
import { errorCode } from "./common.ts";
import { ALWAYS, modelName, requestShape, samplingShape } from "./request.ts";

/** A part of a message's content; only text can be answered. */
const textPart = z.object({ type: z.literal("text"), text: z.string() });

const chatMessage = z.object({
  role: z.enum(["system", "developer", "user", "assistant"]),
  content: z.union([z.string(), z.array(textPart).min(1)], {
    error: "must be text, or a list of parts of type text",
  }),
  name: z.string().optional(),
});

/**
 * Fields of OpenAI's chat request that would change the answer and that we do not answer yet. They
 * are refused by name; harmless unknown fields (`user`, `metadata`, `store`, …) are ignored.
 */
const UNSUPPORTED = [
  "tools",
  "tool_choice",
  "functions",
  "function_call",
  "audio",
  "modalities",
  "prediction",
  "web_search_options",
  "top_logprobs",
] as const;

/** Fields whose neutral value is accepted, since clients send it by habit. */
const NEUTRAL: Record<string, (value: unknown) => boolean> = {
  n: (value) => value === 1,
  logprobs: (value) => value === false,
  tools: (value) => Array.isArray(value) && value.length === 0,
  tool_choice: (value) => value === "none" || value === "auto",
  modalities: (value) => Array.isArray(value) && value.length === 1 && value[0] === "text",
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
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().optional() }).nullish(),
  max_tokens: requestShape.max_tokens.nullable(),
  max_completion_tokens: requestShape.max_tokens.nullable(),
  temperature: samplingShape.temperature.unwrap().nullish(),
  top_p: samplingShape.top_p.unwrap().nullish(),
  frequency_penalty: samplingShape.frequency_penalty.unwrap().nullish(),
  presence_penalty: samplingShape.presence_penalty.unwrap().nullish(),
  logit_bias: samplingShape.logit_bias.nullable(),
  seed: z.number().int().nullish(),
  stop: z.union([z.string().min(1), requestShape.stop.unwrap()], {
    error: "must be a text or a list of at most 4, none empty",
  }).nullish(),
  response_format: responseFormat.nullish(),
  top_k: samplingShape.top_k.unwrap().nullish(),
  min_p: samplingShape.min_p.unwrap().nullish(),
  repetition_penalty: samplingShape.repetition_penalty.unwrap().nullish(),
}).superRefine((body, context) => {
  for (const field of [...UNSUPPORTED, "n", "logprobs"]) {
    const value = body[field];
    if (value === undefined || value === null || NEUTRAL[field]?.(value)) continue;
    context.addIssue({ code: "custom", path: [field], message: "is not supported yet" });
  }
}, ALWAYS).meta({ id: "ChatRequest" });

/** A validated chat request. */
export type ChatRequest = z.output<typeof chatRequest>;

const finishReason = z.enum(["stop", "length", "tool_calls"]);

const openaiUsage = z.object({
  prompt_tokens: z.number().int(),
  completion_tokens: z.number().int(),
  total_tokens: z.number().int(),
  prompt_tokens_details: z.object({ cached_tokens: z.number().int() }),
}).meta({ id: "OpenAIUsage" });

/** Usage in OpenAI's shape. */
export type OpenAIUsage = z.output<typeof openaiUsage>;

/** A whole answer. */
export const chatCompletion = z.object({
  id: z.string(),
  object: z.literal("chat.completion"),
  created: z.number().int(),
  model: z.string(),
  system_fingerprint: z.string().nullable(),
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

/** A piece of a streamed answer. */
export const chatChunk = z.object({
  id: z.string(),
  object: z.literal("chat.completion.chunk"),
  created: z.number().int(),
  model: z.string(),
  system_fingerprint: z.string().nullable(),
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

export const openaiModel = z.object({
  id: z.string(),
  object: z.literal("model"),
  created: z.number().int(),
  owned_by: z.string(),
}).meta({ id: "OpenAIModel" });

export const openaiModelList = z.object({
  object: z.literal("list"),
  data: z.array(openaiModel),
}).meta({ id: "OpenAIModelList" });

/** Error body of every `/v1` route. */
export const openaiErrorBody = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: errorCode,
  }),
}).meta({ id: "OpenAIError" });
