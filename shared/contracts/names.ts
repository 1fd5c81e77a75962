import { z } from "zod";
import { modelName } from "./common.ts";
import { requestShape } from "./request.ts";
import { moreSamplingShape } from "./sampling.ts";

/** A field of a request without its default, so that it is known whether it was given. */
const own = <T extends z.ZodType>(field: z.ZodDefault<T>) => field.unwrap().optional();

const parametersShape = {
  temperature: own(requestShape.temperature),
  top_p: own(requestShape.top_p),
  top_k: own(requestShape.top_k),
  min_p: own(requestShape.min_p),
  repetition_penalty: own(requestShape.repetition_penalty),
  frequency_penalty: own(requestShape.frequency_penalty),
  presence_penalty: own(requestShape.presence_penalty),
  ...moreSamplingShape,
  logit_bias: requestShape.logit_bias,
  seed: z.number().int().min(0).max(0xffffffff).optional(),
  max_tokens: requestShape.max_tokens,
  stop: own(requestShape.stop),
  parallel_tool_calls: requestShape.parallel_tool_calls,
  reasoning_effort: requestShape.reasoning_effort,
  reasoning_format: requestShape.reasoning_format,
  reasoning_budget_tokens: requestShape.reasoning_budget_tokens,
  chat_template_kwargs: requestShape.chat_template_kwargs,
  lora: requestShape.lora,
};

/** What a configured name may set for requests, under the names of `/v2/tasks`. */
export const nameParameters = z.strictObject(parametersShape);

/** Parameters of a configured name. */
export type NameParameters = z.output<typeof nameParameters>;

/** A parameter of a configured name. */
export type NameParameter = keyof NameParameters;

/** A configured name, as `GET /v2/models` lists it. */
export const nameView = z.object({
  name: modelName,
  target: modelName.optional()
    .meta({ description: "What it stands for; clients see it only with show_target" }),
  fallback: modelName.optional()
    .meta({ description: "What answers if the target cannot; shown as target is" }),
  parameters: z.object(parametersShape).optional().meta({ description: "Only for operators" }),
  fixed: z.array(z.string()).optional()
    .meta({ description: "Parameters that clients cannot change; only for operators" }),
  context: z.number().int().optional()
    .meta({ description: "Most tokens of a request, prompt and answer together" }),
  show_target: z.boolean().optional().meta({ description: "Only for operators" }),
  available: z.boolean().meta({ description: "Whether a pool in service has one of its models" }),
  answers: modelName.optional().meta({
    description: "Which of target and fallbacks a request gets now; shown as target is",
  }),
}).meta({ id: "Name" });

/** A configured name. */
export type NameView = z.output<typeof nameView>;
