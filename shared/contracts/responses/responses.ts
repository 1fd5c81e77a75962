import { z } from "zod";
import { chatShape, noTemplate, reasoningEffort } from "../chat_fields.ts";
import { anyBias, anySeed, anyTopK, ONLY_OF_CHAT } from "../openai/lenient.ts";
import { always, refuse, type Unsupported } from "../openai/unsupported.ts";
import {
  ALWAYS,
  EXACT_FIELDS,
  optionalModelName,
  requestShape,
  samplingShape,
} from "../request.ts";
import { anySamplingShape } from "../sampling.ts";
import { tool, toolShape } from "../tools.ts";
import { outputItem, outputText, reasoningText, responsesInput } from "./items.ts";

/** Most entries of `metadata`, as at OpenAI. */
const MAX_METADATA = 16;

const functionFields = tool.shape.function.shape;

/** A function; a tool of any other type runs elsewhere, and is skipped. */
const flatTool = z.looseObject({ type: z.string().min(1).max(64) })
  .superRefine((given, context) => {
    if (given.type !== "function") return;
    const parsed = flatFunction.safeParse(given);
    for (const issue of parsed.error?.issues ?? []) {
      context.addIssue({ code: "custom", path: [...issue.path], message: issue.message });
    }
  });

/** A function that the model may call. */
export const flatFunction = z.object({
  type: z.literal("function"),
  name: functionFields.name,
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});

const named = z.object({ type: z.literal("function"), name: functionFields.name });

const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  named,
  z.object({
    type: z.literal("allowed_tools"),
    mode: z.enum(["auto", "required"]),
    tools: z.array(z.looseObject({ type: z.string(), name: z.string().optional() })).min(1),
  }),
], { error: 'must be "none", "auto", "required", a function, or allowed_tools' });

const textFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    name: z.string().nullish(),
    description: z.string().nullish(),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean().nullish(),
  }),
]);

/** How the text of an answer is written. */
export type TextFormat = z.output<typeof textFormat>;

const UNSUPPORTED: Unsupported = {
  ...ONLY_OF_CHAT,
  max_tokens: always,
  conversation: always,
  prompt: always,
};

/** Names of fields that hold JSON of the client's own, in which numbers keep their digits. */
export const RESPONSES_EXACT_FIELDS = [...EXACT_FIELDS, "schema"];

/** Body of `POST /v1/responses`. */
export const responsesRequest = z.looseObject({
  model: optionalModelName,
  input: responsesInput,
  instructions: z.string().nullish().meta({ description: "The system's text of this answer only" }),
  previous_response_id: z.string().min(1).max(256).nullish()
    .meta({ description: "A stored response: its conversation goes on" }),
  store: z.boolean().nullish().meta({
    description: "Whether the response is kept, for previous_response_id and GET; default: as " +
      "orchestratord is configured, true",
  }),
  background: z.boolean().nullish()
    .meta({ description: "true: the answer is made even if no client reads it" }),
  stream: z.boolean().nullish(),
  tools: z.array(flatTool).max(1024).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: toolShape.parallel_tool_calls.nullable(),
  max_output_tokens: requestShape.max_tokens.nullable(),
  text: z.looseObject({ format: textFormat.nullish() }).nullish(),
  reasoning: z.looseObject({ effort: reasoningEffort.nullish() }).nullish(),
  temperature: samplingShape.temperature.unwrap().nullish(),
  top_p: samplingShape.top_p.unwrap().nullish(),
  top_logprobs: requestShape.logprobs.nullable(),
  include: z.array(z.string()).max(64).nullish(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
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
  stop: requestShape.stop.unwrap().nullish(),
  reasoning_budget_tokens: chatShape.reasoning_budget_tokens.nullable(),
  chat_template_kwargs: chatShape.chat_template_kwargs.nullable(),
  chat_template: noTemplate.nullable(),
}).superRefine(refuse(UNSUPPORTED), ALWAYS).superRefine((body, context) => {
  const refuseField = (field: string, message: string) =>
    context.addIssue({ code: "custom", path: [field], message });
  if (body.background === true && body.store === false) {
    refuseField("background", "needs store: true");
  }
  if (Object.keys(body.metadata ?? {}).length > MAX_METADATA) {
    refuseField("metadata", `must have at most ${MAX_METADATA} entries`);
  }
  if (Array.isArray(body.input) && body.input.length === 0 && !body.previous_response_id) {
    refuseField("input", "must not be empty");
  }
}, ALWAYS).meta({ id: "ResponsesRequest" });

/** A validated request. */
export type ResponsesRequest = z.output<typeof responsesRequest>;

const count = z.number().int().min(0);

const usage = z.object({
  input_tokens: count,
  input_tokens_details: z.object({ cached_tokens: count }),
  output_tokens: count,
  output_tokens_details: z.object({ reasoning_tokens: count }),
  total_tokens: count,
});

/** Where a response stands. */
export const responseStatus = z.enum([
  "queued",
  "in_progress",
  "completed",
  "incomplete",
  "failed",
  "cancelled",
]);

/** A response, whole from its first event on. */
export const response = z.object({
  id: z.string(),
  object: z.literal("response"),
  created_at: z.number().int().meta({ description: "Seconds since the epoch" }),
  status: responseStatus,
  background: z.boolean(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  incomplete_details: z.object({ reason: z.literal("max_output_tokens") }).nullable(),
  instructions: z.string().nullable(),
  max_output_tokens: z.number().int().nullable(),
  metadata: z.record(z.string(), z.string()),
  model: z.string(),
  output: z.array(outputItem),
  parallel_tool_calls: z.boolean(),
  previous_response_id: z.string().nullable(),
  reasoning: z.object({ effort: z.string().nullable(), summary: z.null() }),
  store: z.boolean(),
  temperature: z.number(),
  text: z.object({ format: z.record(z.string(), z.unknown()) }),
  tool_choice: z.unknown(),
  tools: z.array(z.record(z.string(), z.unknown())),
  top_p: z.number(),
  top_logprobs: count,
  truncation: z.literal("disabled"),
  usage: usage.nullable(),
}).meta({ id: "Response" });

/** A response. */
export type ResponseObject = z.output<typeof response>;

/** A stored response in a list, without its text. */
export const listedResponse = z.object({
  id: z.string(),
  object: z.literal("response"),
  status: responseStatus.meta({ description: "in_progress: its job waits or runs" }),
  model: z.string(),
  previous_response_id: z.string().nullable(),
  created_at: z.number().int().meta({ description: "Seconds since the epoch" }),
  ended_at: z.number().int().nullable().meta({ description: "Seconds since the epoch" }),
  used_at: z.number().int()
    .meta({ description: "Last read, or use in a chain; seconds since the epoch" }),
  bytes: count.meta({ description: "Size of request and response" }),
}).meta({ id: "ListedResponse" });

/** A stored response in a list. */
export type ListedResponseView = z.output<typeof listedResponse>;

export const deletedResponse = z.object({
  id: z.string(),
  object: z.literal("response"),
  deleted: z.literal(true),
}).meta({ id: "DeletedResponse" });

export const responseInput = z.object({
  object: z.literal("list"),
  data: z.array(z.record(z.string(), z.unknown())),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
}).meta({ id: "ResponseInput" });

const place = { item_id: z.string(), output_index: count };
const partPlace = { ...place, content_index: z.literal(0) };
const part = z.discriminatedUnion("type", [outputText, reasoningText]);

/** An event of a streamed response without its number. */
const steps = [
  z.object({
    type: z.enum([
      "response.created",
      "response.queued",
      "response.in_progress",
      "response.completed",
      "response.incomplete",
      "response.failed",
    ]),
    response,
  }),
  z.object({
    type: z.enum(["response.output_item.added", "response.output_item.done"]),
    output_index: count,
    item: outputItem,
  }),
  z.object({
    type: z.enum(["response.content_part.added", "response.content_part.done"]),
    ...partPlace,
    part,
  }),
  z.object({
    type: z.literal("response.output_text.delta"),
    ...partPlace,
    delta: z.string(),
    logprobs: outputText.shape.logprobs,
  }),
  z.object({
    type: z.literal("response.output_text.done"),
    ...partPlace,
    text: z.string(),
    logprobs: outputText.shape.logprobs,
  }),
  z.object({ type: z.literal("response.reasoning_text.delta"), ...partPlace, delta: z.string() }),
  z.object({ type: z.literal("response.reasoning_text.done"), ...partPlace, text: z.string() }),
  z.object({
    type: z.literal("response.function_call_arguments.delta"),
    ...place,
    delta: z.string(),
  }),
  z.object({
    type: z.literal("response.function_call_arguments.done"),
    ...place,
    name: z.string(),
    arguments: z.string(),
  }),
] as const;

const step = z.discriminatedUnion("type", steps);

/** What an event of a streamed response says. */
export type ResponseStep = z.output<typeof step>;

/** An event of a streamed response; its name is its `type`. */
export const responseEvent = z.intersection(
  step,
  z.object({ sequence_number: count.meta({ description: "From 0, without gaps" }) }),
).meta({ id: "ResponseEvent" });

/** An event of a streamed response. */
export type ResponseEvent = ResponseStep & { readonly sequence_number: number };
