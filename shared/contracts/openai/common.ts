import { z } from "zod";
import { noTemplate } from "../chat_fields.ts";
import type { ErrorCode } from "../../errors.ts";
import { errorCode } from "../common.ts";
import { loadingView } from "../loading.ts";
import { requestShape, samplingShape } from "../request.ts";
import { anySeed, heldBy, type HeldFields, heldShape, lenientShape } from "./lenient.ts";

/** Largest `n`: answers to one prompt. */
const MAX_CHOICES = 16;

/** Fields that OpenAI's chats and completions share; null means the same as absent. */
export const openaiShape = {
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  n: z.number().int().min(1).max(MAX_CHOICES).nullish()
    .meta({
      description: "Answers to make, each a job of its own; a given seed is raised by one for each",
    }),
  temperature: samplingShape.temperature.unwrap().nullish(),
  top_p: samplingShape.top_p.unwrap().nullish(),
  frequency_penalty: samplingShape.frequency_penalty.unwrap().nullish(),
  presence_penalty: samplingShape.presence_penalty.unwrap().nullish(),
  seed: anySeed,
  min_p: samplingShape.min_p.unwrap().nullish(),
  repetition_penalty: samplingShape.repetition_penalty.unwrap().nullish(),
  post_sampling_probs: requestShape.post_sampling_probs.nullable(),
  timings_per_token: z.boolean().nullish()
    .meta({ description: "true: each chunk of a stream has timings" }),
  return_progress: z.boolean().nullish().meta({
    description: "true: a stream has chunks with prompt_progress before its first token",
  }),
  chat_template: noTemplate.nullable(),
  ...lenientShape,
  ...heldShape,
};

/** Refuses a request that holds its answer in two ways. */
export function checkHeld(body: Record<string, unknown>, context: z.RefinementCtx): void {
  const [first, second] = heldBy(body as HeldFields);
  if (!first || !second) return;
  const message = `is given beside ${first.field}: give one of them`;
  context.addIssue({ code: "custom", path: second.field.split("."), message });
}

/** First fields of every reply and chunk of OpenAI's chats and completions. */
export const openaiHead = {
  id: z.string(),
  created: z.number().int().meta({ description: "Seconds since the epoch" }),
  model: z.string(),
  system_fingerprint: z.string().nullable(),
};

export const openaiUsage = z.object({
  prompt_tokens: z.number().int().meta({ description: "Each prompt counts once, whatever n is" }),
  completion_tokens: z.number().int().meta({ description: "Of all choices" }),
  total_tokens: z.number().int(),
  prompt_tokens_details: z.object({ cached_tokens: z.number().int() }),
  completion_tokens_details: z.object({
    reasoning_tokens: z.number().int().meta({ description: "Tokens of thinking" }),
  }),
}).meta({ id: "OpenAIUsage" });

const count = z.number().int().min(0);

/** What an answer took, as llama-server tells it; of the first choice. */
export const timings = z.object({
  cache_n: count.meta({ description: "Tokens of the prompt that were evaluated before" }),
  prompt_n: count,
  prompt_ms: z.number(),
  prompt_per_token_ms: z.number(),
  prompt_per_second: z.number(),
  predicted_n: count,
  predicted_ms: z.number(),
  predicted_per_token_ms: z.number(),
  predicted_per_second: z.number(),
}).meta({ id: "Timings" });

/** How much of a prompt is evaluated, as llama-server tells it. */
export const promptProgress = z.object({
  total: count.meta({ description: "Tokens of the prompt" }),
  cache: count.meta({ description: "Those that were evaluated before" }),
  processed: count.meta({ description: "Those that are evaluated now, with those before" }),
  time_ms: z.number().meta({ description: "Since the prompt's evaluation began" }),
}).meta({ id: "PromptProgress" });

/** How much of a prompt is evaluated. */
export type PromptProgress = z.output<typeof promptProgress>;

/** What an answer took. */
export type Timings = z.output<typeof timings>;

/** Usage in OpenAI's shape. */
export type OpenAIUsage = z.output<typeof openaiUsage>;

export const openaiModel = z.object({
  id: z.string(),
  object: z.literal("model"),
  created: z.number().int().meta({ description: "When its file was changed, in seconds; or 0" }),
  owned_by: z.string(),
  max_model_len: z.number().int().optional()
    .meta({ description: "Tokens that a request may have, as vLLM names it" }),
  meta: z.object({
    n_ctx: z.number().int().optional(),
    n_ctx_train: z.number().int(),
    n_params: z.number().int().optional(),
    size: z.number().int(),
  }).optional().meta({ description: "As llama-server names its figures" }),
  capabilities: z.array(z.string()).optional()
    .meta({ description: "completion, tools, thinking, insert, embedding, rerank" }),
  loaded: z.boolean().optional(),
}).meta({ id: "OpenAIModel" });

const openaiModelList = z.object({
  object: z.literal("list"),
  data: z.array(openaiModel),
}).meta({ id: "OpenAIModelList" });

const anthropicModel = z.object({
  type: z.literal("model"),
  id: z.string(),
  display_name: z.string(),
  created_at: z.iso.datetime(),
}).meta({ id: "AnthropicModel" });

const anthropicModelList = z.object({
  data: z.array(anthropicModel),
  has_more: z.boolean(),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
}).meta({ id: "AnthropicModelList" });

/** A model, in the shape of the vendor whose client asks. */
export const anyModel = z.union([openaiModel, anthropicModel]);

/** A list of models, in the shape of the vendor whose client asks. */
export const anyModelList = z.union([openaiModelList, anthropicModelList]);

/** Which models Anthropic's clients ask for. */
export const anthropicPage = z.object({
  limit: z.coerce.number().int().min(1).max(1000).optional(),
  after_id: z.string().max(1024).optional(),
  before_id: z.string().max(1024).optional(),
});

/** Sent by Anthropic's clients with each call. */
export const anthropicVersion = z.object({ "anthropic-version": z.string().optional() });

/** Codes that OpenAI's clients know under other words than ours in lower case. */
const OPENAI_CODES: Partial<Readonly<Record<ErrorCode, string>>> = {
  UNAUTHORIZED: "invalid_api_key",
  RATE_LIMITED: "rate_limit_exceeded",
};

/** An error code as OpenAI's clients look for it. */
export function openaiCode(code: ErrorCode): string {
  return OPENAI_CODES[code] ?? code.toLowerCase();
}

/** Our codes by OpenAI's. */
export const OWN_CODES: ReadonlyMap<string, ErrorCode> = new Map(
  errorCode.options.map((code) => [openaiCode(code), code]),
);

/** Error body of every `/v1` route. */
export const openaiErrorBody = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    param: z.string().nullable(),
    code: z.enum([...OWN_CODES.keys()]),
    n_prompt_tokens: z.number().int().optional()
      .meta({ description: "Of a prompt that the context cannot hold" }),
    n_ctx: z.number().int().optional().meta({ description: "Tokens that the context holds" }),
    loading: loadingView.optional(),
  }),
}).meta({ id: "OpenAIError" });
