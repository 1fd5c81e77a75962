import { z } from "zod";
import { refuse, type Unsupported } from "../openai/common.ts";
import { ALWAYS, optionalModelName, requestShape, samplingShape } from "../request.ts";
import { defineRoute } from "../route.ts";
import { idempotent } from "../common.ts";
import { KEYED_JOB_ERRORS } from "../job_errors.ts";
import { llamaDialect } from "./dialect.ts";

const isEmpty = (value: unknown) =>
  Array.isArray(value) ? value.length === 0 : Object.keys(value as object).length === 0;

const UNSUPPORTED: Unsupported = {
  n_probs: (value) => value === 0,
  logit_bias: isEmpty,
  lora: isEmpty,
  image_data: isEmpty,
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
  n_predict: z.number().int().min(-1).max(1_000_000).default(-1).meta({
    description:
      "Most tokens to generate; -1: until the model ends; 0: only evaluate the prompt, for a " +
      "request that follows",
  }),
  temperature: samplingShape.temperature.unwrap().optional(),
  top_k: z.number().int().max(100_000).optional().meta({ description: "0 and less is off" }),
  top_p: samplingShape.top_p.unwrap().optional(),
  min_p: samplingShape.min_p.unwrap().optional(),
  repeat_penalty: samplingShape.repetition_penalty.unwrap().optional(),
  frequency_penalty: samplingShape.frequency_penalty.unwrap().optional(),
  presence_penalty: samplingShape.presence_penalty.unwrap().optional(),
  seed: z.number().int().optional().meta({ description: "-1 is a random one" }),
  stop: requestShape.stop.unwrap().optional(),
}).superRefine(refuse(UNSUPPORTED), ALWAYS).meta({ id: "InfillRequest" });

/** A validated infill request. */
export type InfillRequest = z.output<typeof infillRequest>;

const count = z.number().int().min(0);

/** An event of a streamed infill but the last, and the first fields of a whole reply. */
const infillText = {
  index: z.literal(0),
  content: z.string().meta({ description: "Text for the gap" }),
  tokens_predicted: count,
};

/** Reply of `POST /infill`, and the last event of a stream, whose `content` is empty. */
export const infill = z.object({
  ...infillText,
  stop: z.literal(true),
  model: z.string(),
  tokens_evaluated: count.meta({ description: "Tokens of the prompt" }),
  tokens_cached: count.meta({ description: "Those that were evaluated before" }),
  truncated: z.literal(false),
  stop_type: z.enum(["eos", "limit", "word"]),
  timings: z.object({
    cache_n: count,
    prompt_n: count,
    prompt_ms: z.number(),
    predicted_n: count,
    predicted_ms: z.number(),
  }),
}).meta({ id: "Infill" });

/** A whole answer. */
export type Infill = z.output<typeof infill>;

export const infillChunk = z.union([
  z.object({ ...infillText, stop: z.literal(false) }),
  infill,
]).meta({ id: "InfillChunk" });

/** An event of a streamed answer. */
export type InfillChunk = z.output<typeof infillChunk>;

/** The routes of llama-server's own API. */
export const llamaRoutes = {
  infill: defineRoute({
    method: "POST",
    path: "/infill",
    summary: "Fill a gap in code, in llama-server's shape, streaming or not",
    tag: "llama-server",
    dialect: llamaDialect,
    anyContentType: true,
    role: "client",
    pages: true,
    headers: idempotent,
    body: infillRequest,
    status: 200,
    reply: infill,
    kind: "maybe-stream",
    event: infillChunk,
    errors: KEYED_JOB_ERRORS,
  }),
};
