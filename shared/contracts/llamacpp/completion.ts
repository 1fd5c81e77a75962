import { z } from "zod";
import { tokenId } from "../common.ts";
import { checkHeld, promptProgress, timings } from "../openai/common.ts";
import { anySeed, heldShape, lenientShape, UNHELD } from "../openai/lenient.ts";
import { is, isEmpty, refuse, type Unsupported } from "../openai/unsupported.ts";
import { ALWAYS, optionalModelName, requestShape, samplingShape } from "../request.ts";

const { grammar, json_schema } = heldShape;
const { n_probs: _, ...unheld } = UNHELD;

const UNSUPPORTED: Unsupported = {
  ...unheld,
  n_indent: is(0),
  n_cmpl: is(1),
  n: is(1),
  grammar_lazy: is(false),
  image_data: isEmpty,
  multimodal_data: isEmpty,
};

/**
 * Body of `POST /completion`, with llama-server's names. What only it has and changes no answer (`id_slot`,
 * `cache_prompt`, `n_keep`, …) is ignored.
 */
export const nativeCompletionRequest = z.looseObject({
  model: optionalModelName,
  prompt: z.union([z.string(), z.array(tokenId).min(1)], {
    error: "must be one text or a list of token ids",
  }),
  stream: z.boolean().nullish(),
  ...lenientShape,
  temperature: samplingShape.temperature.unwrap().nullish(),
  top_p: samplingShape.top_p.unwrap().nullish(),
  min_p: samplingShape.min_p.unwrap().nullish(),
  frequency_penalty: samplingShape.frequency_penalty.unwrap().nullish(),
  presence_penalty: samplingShape.presence_penalty.unwrap().nullish(),
  seed: anySeed,
  grammar,
  json_schema,
  n_probs: requestShape.logprobs.nullable().meta({
    description: "Send each token's logprob and those of this many candidates; 0: none",
  }),
  post_sampling_probs: requestShape.post_sampling_probs.nullable(),
  return_tokens: z.boolean().nullish()
    .meta({ description: "true: the reply has token ids; a stream always has them" }),
  timings_per_token: z.boolean().nullish(),
  return_progress: z.boolean().nullish(),
}).superRefine(refuse(UNSUPPORTED), ALWAYS).superRefine(checkHeld, ALWAYS)
  .meta({ id: "NativeCompletionRequest" });

/** A validated request. */
export type NativeCompletionRequest = z.output<typeof nativeCompletionRequest>;

const count = z.number().int().min(0);

const candidate = {
  id: tokenId,
  token: z.string(),
  bytes: z.array(z.number().int()),
  logprob: z.number().optional(),
  prob: z.number().optional().meta({ description: "In place of logprob, after sampling" }),
};

const probabilities = z.array(z.object({
  ...candidate,
  top_logprobs: z.array(z.object(candidate)).optional(),
  top_probs: z.array(z.object(candidate)).optional()
    .meta({ description: "In place of top_logprobs, after sampling" }),
}));

/** Probabilities of tokens, in llama-server's shape. */
export type NativeProbabilities = z.output<typeof probabilities>;

const shared = {
  index: z.literal(0),
  content: z.string(),
  tokens: z.array(tokenId)
    .meta({ description: "Empty if they are not asked for, or the engine does not tell them" }),
  tokens_predicted: count,
  completion_probabilities: probabilities.optional(),
};

/** Whole reply of `POST /completion` and `POST /infill`, and the last event of a stream without its text. */
export const nativeCompletion = z.object({
  ...shared,
  stop: z.literal(true),
  model: z.string(),
  tokens_evaluated: count.meta({ description: "Tokens of the prompt" }),
  tokens_cached: count.meta({ description: "Those that were evaluated before" }),
  generation_settings: z.record(z.string(), z.unknown())
    .meta({ description: "Those that the answer was made with" }),
  prompt: z.string().optional().meta({ description: "If it was given as text" }),
  has_new_line: z.boolean(),
  truncated: z.literal(false),
  stop_type: z.enum(["eos", "limit", "word"]),
  stopping_word: z.string().meta({ description: "Empty if no stop string ended it" }),
  timings,
}).meta({ id: "NativeCompletion" });

/** A whole answer. */
export type NativeCompletion = z.output<typeof nativeCompletion>;

/** An event of a streamed answer. */
export const nativeChunk = z.union([
  z.object({
    ...shared,
    stop: z.literal(false),
    tokens_evaluated: count.optional(),
    timings: timings.optional(),
    prompt_progress: promptProgress.optional(),
  }),
  nativeCompletion,
]).meta({ id: "NativeChunk" });

/** An event of a streamed answer. */
export type NativeChunk = z.output<typeof nativeChunk>;
