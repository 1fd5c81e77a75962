import { z } from "zod";
import { anySeed, anyTopK } from "../openai/lenient.ts";
import { refuse, type Unsupported } from "../openai/unsupported.ts";
import { anySamplingShape } from "../sampling.ts";
import { ALWAYS, optionalModelName, requestShape, samplingShape, tokenLimit } from "../request.ts";

const isEmpty = (value: unknown) =>
  Array.isArray(value) ? value.length === 0 : Object.keys(value as object).length === 0;

const UNSUPPORTED: Unsupported = {
  n_probs: (value) => value === 0,
  logit_bias: isEmpty,
  lora: isEmpty,
  image_data: isEmpty,
  adaptive_target: (value) => typeof value === "number" && value < 0,
};

/** Body of `POST /infill`, with llama-server's names. Its fields of other kinds are ignored. */
export const infillRequest = z.looseObject({
  model: optionalModelName,
  input_prefix: z.string().meta({ description: "Text before the gap" }),
  input_suffix: z.string().meta({ description: "Text behind the gap" }),
  input_extra: z.array(z.looseObject({ filename: z.string().default("tmp"), text: z.string() }))
    .max(1024).default([])
    .meta({
      description: "Other files, the most relevant last; cut from their beginning if they do not " +
        "fit into the context",
    }),
  prompt: z.string().default("").meta({ description: "Begins what is filled in" }),
  stream: z.boolean().default(false),
  n_predict: tokenLimit(-1).default(-1).meta({
    description:
      "Most tokens to generate; -1: until the model ends; 0: only evaluate the prompt, for a " +
      "request that follows",
  }),
  temperature: samplingShape.temperature.unwrap().optional(),
  top_k: anyTopK,
  top_p: samplingShape.top_p.unwrap().optional(),
  min_p: samplingShape.min_p.unwrap().optional(),
  repeat_penalty: samplingShape.repetition_penalty.unwrap().optional(),
  frequency_penalty: samplingShape.frequency_penalty.unwrap().optional(),
  presence_penalty: samplingShape.presence_penalty.unwrap().optional(),
  seed: anySeed,
  ...anySamplingShape,
  stop: requestShape.stop.unwrap().optional(),
}).superRefine(refuse(UNSUPPORTED), ALWAYS).meta({ id: "InfillRequest" });

/** A validated infill request. */
export type InfillRequest = z.output<typeof infillRequest>;
