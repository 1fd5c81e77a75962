import { z } from "zod";
import { MODEL_REF_LIMIT } from "../common.ts";

/** Query of `GET /props`. */
export const propsQuery = z.object({
  model: z.string().max(MODEL_REF_LIMIT).optional()
    .meta({ description: "Default: as on other routes without a model" }),
});

/** Reply of `GET /props`. */
export const nativeProps = z.object({
  default_generation_settings: z.object({
    n_ctx: z.number().int().min(0).meta({ description: "Tokens that a request may have" }),
    params: z.record(z.string(), z.unknown()),
  }),
  total_slots: z.number().int().min(1)
    .meta({ description: "Of all workers of the model; 1 while none is loaded" }),
  model_alias: z.string(),
  model_path: z.string().meta({ description: "The model's name, never a path of a host" }),
  modalities: z.object({ vision: z.boolean(), video: z.boolean(), audio: z.boolean() }),
  endpoint_slots: z.literal(false),
  endpoint_props: z.literal(false),
  endpoint_metrics: z.literal(true),
  chat_template: z.string().meta({ description: "Empty while no worker is loaded" }),
  chat_template_caps: z.object({}),
  bos_token: z.string(),
  eos_token: z.string(),
  build_info: z.string(),
  is_sleeping: z.boolean().meta({ description: "Whether no worker is loaded" }),
}).meta({ id: "NativeProps" });
