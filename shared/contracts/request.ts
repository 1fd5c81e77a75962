import { isRecord } from "../json.ts";
import { z } from "zod";
import { chatShape, checkChatFields, noTemplate } from "./chat_fields.ts";
import { identifier, milliseconds, MODEL_REF_LIMIT, modelName, tokenId } from "./common.ts";
import { messages } from "./messages.ts";
import { moreSamplingShape } from "./sampling.ts";
import { checkTools, toolShape } from "./tools.ts";

export type { Message, TextMessage } from "./messages.ts";

/** The same in requests of other vendors' APIs, which may leave it out; then it is empty. */
export const optionalModelName = z.string().max(MODEL_REF_LIMIT).nullish()
  .transform((name) => name ?? "")
  .meta({ description: "Default: default_model of the configuration, or the only model there is" });

/** Most tokens of one answer, which is more than any context holds. */
export const MAX_TOKENS = 1_000_000;

/** A bound of the tokens of an answer. Clients ask for more than any model has: that counts as the most. */
export const tokenLimit = (least: number): z.ZodNumber =>
  z.number().int().min(least).overwrite((tokens) => Math.min(tokens, MAX_TOKENS));

const probability = z.number().min(0).max(1);
/** OpenAI allows -2 to 2; llama.cpp takes any. */
const penalty = z.number().min(-100).max(100);

/** Largest `top_k`. */
export const MAX_TOP_K = 100_000;
/** Largest bias of a token; as OpenAI's, it means never or always. */
export const MAX_BIAS = 100;

/** Sampling parameters; the defaults are llama.cpp's. */
export const samplingShape = {
  temperature: z.number().min(0).max(100).default(0.8)
    .meta({ description: "0 always takes the most probable token" }),
  top_p: probability.default(0.95),
  top_k: z.number().int().min(0).max(MAX_TOP_K).default(40).meta({ description: "0 is off" }),
  min_p: probability.default(0.05),
  repetition_penalty: z.number().min(0.01).max(10).default(1).meta({ description: "1 is off" }),
  frequency_penalty: penalty.default(0),
  presence_penalty: penalty.default(0),
  logit_bias: z.record(z.string().min(1).max(256), z.number().min(-MAX_BIAS).max(MAX_BIAS))
    .optional().meta({
      description: "Token id to bias; -100 forbids the token. A key that is no number is a text, " +
        "each of whose tokens gets the bias",
    }),
  seed: z.number().int().min(-1, "must be 0 to 4294967295, or -1 for one at random")
    .max(0xffffffff).optional()
    .meta({ description: "Chosen at random, and reported, when absent or -1" })
    .transform((seed) => seed === -1 ? undefined : seed),
  ...moreSamplingShape,
};

/** Most stop strings of a request. */
const MAX_STOPS = 64;
const stopString = z.string().min(1).max(4096);

const contextFile = z.strictObject({
  filename: z.string().max(4096),
  text: z.string(),
}).meta({ id: "ContextFile" });

/** Whether a key of `logit_bias` is a token's id; otherwise it is a text. */
export const isTokenId = (key: string): boolean => /^\d+$/.test(key);

/** What to generate; shared by `/v2/tasks` and `/execute`. */
export const requestShape = {
  model: modelName,
  prompt: z.string().optional().meta({
    description: "Empty: from the beginning of a text, if the model has a token for that",
  }),
  prompt_tokens: z.array(tokenId).min(1).optional(),
  messages: messages.optional(),
  max_tokens: tokenLimit(1).optional()
    .meta({
      description: "Most tokens to generate; absent: until the model ends or its context is full",
    }),
  ...samplingShape,
  stop: z.array(stopString).max(MAX_STOPS).default([]),
  suffix: z.string().optional().meta({
    description: "Text behind what is generated: the model fills in between prompt and suffix, " +
      "if it was trained to",
  }),
  context_files: z.array(contextFile).max(1024).optional().meta({
    description:
      "Other files of the project, the most relevant last, for a prompt with a suffix; " +
      "cut from their beginning if they do not fit",
  }),
  special: z.boolean().optional().meta({
    description: "true: the text of control tokens in the prompt becomes those tokens; default: " +
      "it stays text",
  }),
  json_schema: z.record(z.string(), z.unknown()).optional(),
  json_schema_strict: z.boolean().optional().meta({
    description:
      "A grammar holds what it can of the schema either way. true: what it cannot hold " +
      "(uniqueItems, contains, …) is checked on the finished answer, see validated of its end " +
      "event; default: true",
  }),
  grammar: z.string().min(1).max(65_536).optional().meta({ description: "GBNF" }),
  ...toolShape,
  ...chatShape,
  logprobs: z.number().int().min(0).max(20).optional().meta({
    description:
      "Send each token's logprob and those of this many most probable candidates, as the model " +
      "gives them, before sampling",
  }),
  prompt_logprobs: z.number().int().min(0).max(20).optional().meta({
    description: "Report the logprob of each token of a plain prompt and those of this many most " +
      "probable candidates, as the model gives them, in the end event",
  }),
  prompt_progress: z.boolean().optional().meta({
    description: "true: a metrics event tells of each step of the prompt, not only of some",
  }),
  token_timings: z.boolean().optional()
    .meta({ description: "true: token events have timings" }),
  post_sampling_probs: z.boolean().optional().meta({
    description: "true: logprobs are those after the request's own sampling parameters, of the " +
      "candidates that these left",
  }),
  lora: z.string().min(1).max(128).optional()
    .meta({ description: "Name of an adapter that the worker was started with" }),
};

/** Runs a refinement even if single fields are wrong, so that one reply names every fault. */
export const ALWAYS = { when: (payload: { readonly value: unknown }) => isRecord(payload.value) };

const PROMPT_FIELDS = ["prompt", "prompt_tokens", "messages"] as const;

/** Rules for several fields together. */
function checkRequest(request: Record<string, unknown>, context: z.RefinementCtx): void {
  const given = PROMPT_FIELDS.filter((field) => request[field] !== undefined);
  if (given.length !== 1) {
    const found = given.length === 0 ? "none" : given.join(" and ");
    context.addIssue({
      code: "custom",
      path: [given[0] ?? "prompt"],
      message: `exactly one of prompt, prompt_tokens and messages is needed: found ${found}`,
    });
  }
  const refuse = (field: string, message: string) =>
    context.addIssue({ code: "custom", path: [field], message });
  if (request["context_files"] !== undefined && request["suffix"] === undefined) {
    refuse("context_files", "needs a suffix");
  }
  if (request["json_schema"] !== undefined && request["grammar"] !== undefined) {
    context.addIssue({
      code: "custom",
      path: ["grammar"],
      message: "give either grammar or json_schema, not both",
    });
  }
  for (const field of ["suffix", "special"]) {
    if (request[field] === undefined || request["prompt"] !== undefined) continue;
    context.addIssue({ code: "custom", path: [field], message: "needs a prompt, given as text" });
  }
  if (request["post_sampling_probs"] === true && request["logprobs"] === undefined) {
    const message = "needs logprobs";
    context.addIssue({ code: "custom", path: ["post_sampling_probs"], message });
  }
  if (request["prompt_logprobs"] !== undefined) {
    const isPlain = request["messages"] === undefined && request["suffix"] === undefined;
    if (!isPlain) refuse("prompt_logprobs", "needs a prompt without a suffix, or prompt_tokens");
  }
  checkTools(request, context);
  checkChatFields(request, context);
}

/** Mirostat goes on from where it was. */
function checkResume(request: Record<string, unknown>, context: z.RefinementCtx): void {
  const { mirostat, temperature, resume_tokens: tokens, resume_mirostat_mu: mu } = request;
  if (!mirostat || temperature === 0 || mu !== undefined) return;
  if (!Array.isArray(tokens) || tokens.length === 0) return;
  const message = "is needed with mirostat and resume_tokens: give mirostat_mu of the last event";
  context.addIssue({ code: "custom", path: ["resume_mirostat_mu"], message });
}

/** Names of fields that hold JSON of the client's own, in which numbers keep their digits. */
export const EXACT_FIELDS: readonly string[] = [
  "json_schema",
  "parameters",
  "chat_template_kwargs",
  "arguments",
];

/** Body of `POST /v2/tasks`. */
export const taskRequest = z.strictObject({
  ...requestShape,
  chat_template: noTemplate,
  session_id: identifier.optional(),
  priority: z.enum(["interactive", "batch"]).default("interactive"),
  deadline_ms: milliseconds.min(1).optional()
    .meta({ description: "The job fails if it has not ended after this time" }),
  detached: z.boolean().default(false)
    .meta({ description: "true: the job runs to its end even if no client reads its events" }),
}).superRefine(checkRequest, ALWAYS).meta({ id: "TaskRequest" });

/** A validated task. */
export type TaskRequest = z.output<typeof taskRequest>;

/** A task as a client writes it; fields with defaults are optional. */
export type TaskRequestInput = z.input<typeof taskRequest>;

/**
 * Which orchestrator sends an attempt. What a worker does not know of it is ignored, so nothing here may
 * change an answer.
 */
export const sender = z.object({
  epoch: z.number().int().min(0).default(0).meta({
    description: "Number of its start: an attempt of a later one replaces any of an earlier one",
  }),
  term: z.number().int().min(0).optional().meta({
    description:
      "Term of the leader that decided it; a worker refuses one below the highest that " +
      "it has seen",
  }),
}).meta({ id: "Sender" });

/** A validated sender. */
export type Sender = z.output<typeof sender>;

/** Body of a worker's `POST /execute`. */
export const executeRequest = z.strictObject({
  ...requestShape,
  job_id: identifier,
  attempt: z.number().int().min(1),
  sender: sender.optional(),
  resume_tokens: z.array(tokenId).default([])
    .meta({ description: "Tokens delivered so far: they count in max_tokens and are not sent" }),
  resume_index: z.number().int().min(0).default(0)
    .meta({ description: "Index of the first token event to send" }),
  resume_mirostat_mu: z.number().optional().meta({
    description: "mirostat_mu of the last token event that had it; only with mirostat",
  }),
}).superRefine(checkRequest, ALWAYS).superRefine(checkResume, ALWAYS).meta({
  id: "ExecuteRequest",
});

/** A validated execution. */
export type ExecuteRequest = z.output<typeof executeRequest>;

/** The part of a task that goes to a worker: what to generate, without when. */
export function inferencePart(
  task: TaskRequest,
): Omit<TaskRequest, "session_id" | "priority" | "deadline_ms" | "detached"> {
  const { session_id: _s, priority: _p, deadline_ms: _d, detached: _x, ...request } = task;
  return request;
}
