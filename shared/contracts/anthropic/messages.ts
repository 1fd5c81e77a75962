import { z } from "zod";
import { noTemplate, reasoningEffort } from "../chat_fields.ts";
import { anyBias, anySeed, anyTopK, ONLY_OF_CHAT } from "../openai/lenient.ts";
import { always, is, isEmpty, refuse, type Unsupported } from "../openai/unsupported.ts";
import {
  ALWAYS,
  EXACT_FIELDS,
  MAX_TOKENS,
  optionalModelName,
  requestShape,
  samplingShape,
  tokenLimit,
} from "../request.ts";
import { anySamplingShape } from "../sampling.ts";
import { tool } from "../tools.ts";

/** Most blocks of one message. */
const MAX_BLOCKS = 4096;

const textBlock = z.object({ type: z.literal("text"), text: z.string() });

/** Kinds of content, as the error of an unknown one lists them. */
const notSupported = (known: string) => (issue: { readonly input?: unknown }) => {
  const { type } = Object(issue.input) as { type?: unknown };
  if (type === "image") return "an image can only be in a message of the user or in a tool_result";
  return typeof type === "string"
    ? `blocks of type ${type.slice(0, 64)} are not supported here: use ${known}`
    : `must be a block with a type: ${known}`;
};

const imageBlock = z.object({
  type: z.literal("image"),
  source: z.discriminatedUnion("type", [
    z.object({ type: z.literal("base64"), media_type: z.string().max(64), data: z.string() }),
    z.object({ type: z.literal("url"), url: z.string() }),
  ], { error: "must be of type base64 or url" }),
});

const listOf = <T extends z.ZodType>(block: T) =>
  z.union([z.string(), z.array(block).max(MAX_BLOCKS)]);

const resultBlock = z.discriminatedUnion("type", [textBlock, imageBlock], {
  error: notSupported("text or image"),
});

const systemBlock = z.discriminatedUnion("type", [textBlock], { error: notSupported("text") });

const toolResult = z.object({
  type: z.literal("tool_result"),
  tool_use_id: z.string().min(1).max(256),
  content: listOf(resultBlock).nullish(),
  is_error: z.boolean().nullish(),
});

const userBlock = z.discriminatedUnion("type", [textBlock, imageBlock, toolResult], {
  error: notSupported("text, image or tool_result"),
});

const assistantBlock = z.discriminatedUnion("type", [
  textBlock,
  z.object({
    type: z.literal("tool_use"),
    id: z.string().min(1).max(256),
    name: tool.shape.function.shape.name,
    input: z.record(z.string(), z.unknown()),
  }),
  z.object({ type: z.literal("thinking"), thinking: z.string() }),
  z.object({ type: z.literal("redacted_thinking") }),
], { error: notSupported("text, thinking or tool_use") });

const inputMessage = z.discriminatedUnion("role", [
  z.object({ role: z.literal("user"), content: listOf(userBlock) }),
  z.object({ role: z.literal("assistant"), content: listOf(assistantBlock) }),
  z.object({ role: z.literal("system"), content: listOf(systemBlock) }),
]).meta({ id: "AnthropicMessage" });

/** A function of the client, or a tool that runs at Anthropic, which is skipped. */
const clientTool = z.looseObject({
  type: z.string().nullish(),
  name: tool.shape.function.shape.name,
  description: z.string().nullish(),
  input_schema: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
}).meta({ id: "AnthropicTool" });

const single = { disable_parallel_tool_use: z.boolean().nullish() };
const toolChoice = z.discriminatedUnion("type", [
  z.object({ type: z.literal("auto"), ...single }),
  z.object({ type: z.literal("any"), ...single }),
  z.object({ type: z.literal("tool"), name: tool.shape.function.shape.name, ...single }),
  z.object({ type: z.literal("none") }),
]);

const thinking = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("enabled"),
    budget_tokens: z.number().int().min(0).max(MAX_TOKENS).nullish(),
  }),
  z.object({ type: z.literal("adaptive") }),
  z.object({ type: z.literal("disabled") }),
]).meta({
  description: "disabled: no thinking; enabled: at most budget_tokens of it; adaptive or absent: " +
    "as the model does by default",
});

const jsonFormat = z.object({
  type: z.literal("json_schema"),
  schema: z.record(z.string(), z.unknown()),
});

const UNSUPPORTED: Unsupported = {
  ...ONLY_OF_CHAT,
  stop: isEmpty,
  top_logprobs: is(0),
  mcp_servers: isEmpty,
  container: always,
};

/** Fields that make a prompt. */
const promptShape = {
  model: optionalModelName,
  messages: z.array(inputMessage).min(1).max(4096),
  system: listOf(systemBlock).nullish(),
  tools: z.array(clientTool).max(1024).nullish(),
  tool_choice: toolChoice.nullish(),
  thinking: thinking.nullish(),
  output_config: z.looseObject({
    effort: z.union([reasoningEffort, z.literal("max")]).nullish(),
    format: jsonFormat.nullish(),
  }).nullish(),
  chat_template: noTemplate.nullable(),
};

/** Names of fields that hold JSON of the client's own, in which numbers keep their digits. */
export const MESSAGES_EXACT_FIELDS = [...EXACT_FIELDS, "input_schema", "input", "schema"];

/** Body of `POST /v1/messages`. */
export const messagesRequest = z.looseObject({
  ...promptShape,
  max_tokens: tokenLimit(1),
  stop_sequences: requestShape.stop.unwrap().nullish(),
  stream: z.boolean().nullish(),
  temperature: samplingShape.temperature.unwrap().nullish(),
  top_p: samplingShape.top_p.unwrap().nullish(),
  top_k: anyTopK,
  min_p: samplingShape.min_p.unwrap().nullish(),
  repetition_penalty: samplingShape.repetition_penalty.unwrap().nullish(),
  repeat_penalty: samplingShape.repetition_penalty.unwrap().nullish()
    .meta({ description: "The same as repetition_penalty, as llama-server names it" }),
  frequency_penalty: samplingShape.frequency_penalty.unwrap().nullish(),
  presence_penalty: samplingShape.presence_penalty.unwrap().nullish(),
  logit_bias: anyBias,
  seed: anySeed,
  ...anySamplingShape,
}).superRefine(refuse(UNSUPPORTED), ALWAYS).meta({ id: "MessagesRequest" });

/** A validated request. */
export type MessagesRequest = z.output<typeof messagesRequest>;

/** Body of `POST /v1/messages/count_tokens`. */
export const countTokensRequest = z.looseObject(promptShape)
  .superRefine(refuse(UNSUPPORTED), ALWAYS).meta({ id: "CountTokensRequest" });

/** A validated request to count a prompt's tokens. */
export type CountTokensRequest = z.output<typeof countTokensRequest>;

export const countTokensReply = z.object({ input_tokens: z.number().int().min(0) })
  .meta({ id: "CountTokens" });

const count = z.number().int().min(0);

const usage = z.object({
  input_tokens: count.meta({ description: "Evaluated for this answer; cached ones not counted" }),
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count.meta({ description: "Evaluated before, for another request" }),
  output_tokens: count.meta({ description: "With those of thoughts" }),
});

const stopReason = z.enum(["end_turn", "max_tokens", "stop_sequence", "tool_use"]);

const contentBlock = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("thinking"), thinking: z.string(), signature: z.string() }),
  z.object({
    type: z.literal("tool_use"),
    id: z.string(),
    name: z.string(),
    input: z.record(z.string(), z.unknown()),
  }),
]).meta({ id: "AnthropicContentBlock" });

/** A block of an answer. */
export type ContentBlock = z.output<typeof contentBlock>;

/** Reply of `POST /v1/messages` that is not streamed. */
export const messageReply = z.object({
  id: z.string(),
  type: z.literal("message"),
  role: z.literal("assistant"),
  model: z.string(),
  content: z.array(contentBlock),
  stop_reason: stopReason.nullable(),
  stop_sequence: z.string().nullable(),
  usage,
}).meta({ id: "AnthropicReply" });

/** A whole answer. */
export type MessageReply = z.output<typeof messageReply>;

const index = count.meta({ description: "Which block of the answer, from 0" });

/** An event of a streamed answer; its name is its `type`. */
export const messagesEvent = z.discriminatedUnion("type", [
  z.object({ type: z.literal("message_start"), message: messageReply }),
  z.object({ type: z.literal("content_block_start"), index, content_block: contentBlock }),
  z.object({ type: z.literal("ping") }),
  z.object({
    type: z.literal("content_block_delta"),
    index,
    delta: z.discriminatedUnion("type", [
      z.object({ type: z.literal("text_delta"), text: z.string() }),
      z.object({ type: z.literal("thinking_delta"), thinking: z.string() }),
      z.object({ type: z.literal("input_json_delta"), partial_json: z.string() }),
    ]),
  }),
  z.object({ type: z.literal("content_block_stop"), index }),
  z.object({
    type: z.literal("message_delta"),
    delta: z.object({ stop_reason: stopReason, stop_sequence: z.string().nullable() }),
    usage,
  }),
  z.object({ type: z.literal("message_stop") }),
]).meta({ id: "AnthropicEvent" });

/** An event of a streamed answer. */
export type MessagesEvent = z.output<typeof messagesEvent>;
