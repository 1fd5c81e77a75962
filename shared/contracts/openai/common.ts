import { z } from "zod";
import { errorCode } from "../common.ts";
import { requestShape, samplingShape } from "../request.ts";

/** Most answers to one prompt. */
const MAX_CHOICES = 16;

/** Fields of OpenAI's generating requests that mean the same in all of them; null is as good as absent. */
export const openaiShape = {
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().optional() }).nullish(),
  n: z.number().int().min(1).max(MAX_CHOICES).nullish()
    .meta({ description: "Answers to make, each a job of its own; a seed counts up over them" }),
  max_tokens: requestShape.max_tokens.nullable(),
  temperature: samplingShape.temperature.unwrap().nullish(),
  top_p: samplingShape.top_p.unwrap().nullish(),
  frequency_penalty: samplingShape.frequency_penalty.unwrap().nullish(),
  presence_penalty: samplingShape.presence_penalty.unwrap().nullish(),
  logit_bias: samplingShape.logit_bias.nullable(),
  seed: z.number().int().nullish(),
  stop: z.union([z.string().min(1), requestShape.stop.unwrap()], {
    error: "must be a text or a list of at most 4, none empty",
  }).nullish(),
  top_k: samplingShape.top_k.unwrap().nullish(),
  min_p: samplingShape.min_p.unwrap().nullish(),
  repetition_penalty: samplingShape.repetition_penalty.unwrap().nullish(),
};

/** Fields that would change the answer and that we do not answer, with the values that are harmless. */
export type Unsupported = Readonly<Record<string, (value: unknown) => boolean>>;

/** For a field of which no value is harmless. */
export const always = (): boolean => false;

/** Refuses such fields by name; harmless unknown ones (`user`, `metadata`, `store`, …) are ignored. */
export function refuse(unsupported: Unsupported) {
  return (body: Record<string, unknown>, context: z.RefinementCtx): void => {
    for (const [field, isHarmless] of Object.entries(unsupported)) {
      const value = body[field];
      if (value === undefined || value === null || isHarmless(value)) continue;
      context.addIssue({ code: "custom", path: [field], message: "is not supported" });
    }
  };
}

/** What names an answer of OpenAI's generating routes. */
export const openaiHead = {
  id: z.string(),
  created: z.number().int().meta({ description: "Seconds since the epoch" }),
  model: z.string(),
  system_fingerprint: z.string().nullable(),
};

export const openaiUsage = z.object({
  prompt_tokens: z.number().int().meta({ description: "Each prompt once, whatever n" }),
  completion_tokens: z.number().int().meta({ description: "Of all choices" }),
  total_tokens: z.number().int(),
  prompt_tokens_details: z.object({ cached_tokens: z.number().int() }),
}).meta({ id: "OpenAIUsage" });

/** Usage in OpenAI's shape. */
export type OpenAIUsage = z.output<typeof openaiUsage>;

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
