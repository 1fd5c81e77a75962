import { z } from "zod";
import { anySeed, anyTopK } from "../openai/lenient.ts";
import { requestShape, samplingShape, tokenLimit } from "../request.ts";
import { anySamplingShape } from "../sampling.ts";

/** A field of which only these values change nothing. */
const only = (harmless: readonly unknown[]) =>
  z.unknown().refine((value) => value == null || harmless.includes(value), {
    error: "is not supported",
  }).optional();

/** Sampling options; those about memory and threads are the operator's, and ignored. */
export const ollamaOptions = z.looseObject({
  num_predict: tokenLimit(-2).nullish()
    .meta({ description: "-1 and -2: until the model ends" }),
  temperature: samplingShape.temperature.unwrap().nullish(),
  top_k: anyTopK,
  top_p: samplingShape.top_p.unwrap().nullish(),
  min_p: samplingShape.min_p.unwrap().nullish(),
  repeat_penalty: samplingShape.repetition_penalty.unwrap().nullish(),
  presence_penalty: samplingShape.presence_penalty.unwrap().nullish(),
  frequency_penalty: samplingShape.frequency_penalty.unwrap().nullish(),
  seed: anySeed,
  stop: z.union([z.string(), requestShape.stop.unwrap()], {
    error: "must be a text or a list of texts",
  }).nullish(),
  ...anySamplingShape,
  tfs_z: only([1]),
}).meta({ id: "OllamaOptions" });

/** Sampling options. */
export type OllamaOptions = z.output<typeof ollamaOptions>;

/** `"json"`, or a JSON schema. */
export const ollamaFormat = z.union([
  z.literal("json"),
  z.literal(""),
  z.record(z.string(), z.unknown()),
], { error: 'must be "json" or a JSON schema' });

/** Whether, or how hard, a model thinks. */
export const think = z.union([z.boolean(), z.enum(["low", "medium", "high"])], {
  error: 'must be a boolean, "low", "medium" or "high"',
});

/** How long the model should stay loaded: a duration such as 5m, or seconds; 0: not at all; less: forever. */
export const keepAlive = z.union([
  z.number(),
  z.string().regex(/^-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h)?)+$/, "must be a duration such as 5m"),
], { error: "must be a duration such as 5m, or seconds" });
