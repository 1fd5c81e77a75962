import { isRecord } from "../json.ts";
import { z } from "zod";
import { identifier, milliseconds, tokenId } from "./common.ts";
import { checkTools, toolCall, toolShape } from "./tools.ts";

/** Longest reference to a model, in characters. */
export const MODEL_REF_LIMIT = 1024;

/** A model as a client names it: an alias, a catalog id, `hf:…` or `file:…` (shared/models/reference.ts). */
export const modelName = z.string().min(1).max(MODEL_REF_LIMIT)
  .meta({ description: "Alias, catalog id, file name without its ending, hf:… or file:…" });

/** One turn of a chat; the model's own template turns the list into a prompt. */
export const message = z.discriminatedUnion("role", [
  z.strictObject({ role: z.enum(["system", "user"]), content: z.string() }),
  z.strictObject({
    role: z.literal("assistant"),
    content: z.string(),
    tool_calls: z.array(toolCall).min(1).max(128).optional(),
  }),
  z.strictObject({
    role: z.literal("tool"),
    content: z.string(),
    tool_call_id: z.string().max(256).optional(),
  }),
]).meta({ id: "Message" });

/** A turn of a chat. */
export type Message = z.output<typeof message>;

const probability = z.number().min(0).max(1);
const penalty = z.number().min(-2).max(2);

/** Sampling parameters; the defaults are llama.cpp's. */
export const samplingShape = {
  temperature: z.number().min(0).max(5).default(0.8)
    .meta({ description: "0 always takes the most probable token" }),
  top_p: probability.default(0.95),
  top_k: z.number().int().min(0).max(100_000).default(40).meta({ description: "0 is off" }),
  min_p: probability.default(0.05),
  repetition_penalty: z.number().min(0.01).max(10).default(1).meta({ description: "1 is off" }),
  frequency_penalty: penalty.default(0),
  presence_penalty: penalty.default(0),
  logit_bias: z.record(
    z.string().regex(/^\d{1,9}$/, "must be a token id"),
    z.number().min(-100).max(100),
  ).optional().meta({ description: "Token id to bias; -100 forbids the token" }),
  seed: z.number().int().min(-1, "must be 0 to 4294967295, or -1 for one at random")
    .max(0xffffffff).optional()
    .meta({ description: "Chosen at random, and reported, when absent or -1" })
    .transform((seed) => seed === -1 ? undefined : seed),
};

const stopString = z.string().min(1).max(256);

/** What a client may ask of a model (DESIGN §5.4), shared by `/v2/tasks` and `/execute`. */
export const requestShape = {
  model: modelName,
  prompt: z.string().min(1).optional(),
  prompt_tokens: z.array(tokenId).min(1).optional(),
  messages: z.array(message).min(1).max(4096).optional(),
  max_tokens: z.number().int().min(1).max(1_000_000).optional()
    .meta({
      description: "Total to generate; absent: until the model ends or its context is full",
    }),
  ...samplingShape,
  stop: z.array(stopString).max(4).default([]),
  json_schema: z.record(z.string(), z.unknown()).optional(),
  json_schema_strict: z.boolean().optional().meta({
    description:
      "false leaves out keywords that a grammar cannot hold (pattern, allOf, …) instead of " +
      "refusing them; true unless told otherwise",
  }),
  grammar: z.string().min(1).max(65_536).optional().meta({ description: "GBNF" }),
  ...toolShape,
  logprobs: z.number().int().min(0).max(20).optional().meta({
    description:
      "Tell each token's logprob, and those of so many most probable tokens, among those that " +
      "the request's own sampling leaves",
  }),
  lora: z.string().min(1).max(128).optional()
    .meta({ description: "Name of an adapter that the worker was started with" }),
};

/** Runs a refinement though fields are wrong already, so that every fault is named at once. */
export const ALWAYS = { when: (payload: { readonly value: unknown }) => isRecord(payload.value) };

const PROMPT_FIELDS = ["prompt", "prompt_tokens", "messages"] as const;

/** Rules of a request that concern several fields at once. */
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
  if (request["json_schema"] !== undefined && request["grammar"] !== undefined) {
    context.addIssue({
      code: "custom",
      path: ["grammar"],
      message: "give either grammar or json_schema, not both",
    });
  }
  checkTools(request, context);
}

/** `POST /v2/tasks`. */
export const taskRequest = z.strictObject({
  ...requestShape,
  session_id: identifier.optional(),
  priority: z.enum(["interactive", "batch"]).default("interactive"),
  deadline_ms: milliseconds.min(1).optional()
    .meta({ description: "Give up when the job has not ended after this time" }),
  detached: z.boolean().default(false)
    .meta({ description: "Runs to its end whether or not anybody listens" }),
}).superRefine(checkRequest, ALWAYS).meta({ id: "TaskRequest" });

/** A validated task. */
export type TaskRequest = z.output<typeof taskRequest>;

/** A task as a client writes it, defaults left out. */
export type TaskRequestInput = z.input<typeof taskRequest>;

/** `POST /execute` of a worker. */
export const executeRequest = z.strictObject({
  ...requestShape,
  job_id: identifier,
  attempt: z.number().int().min(1),
  resume_tokens: z.array(tokenId).default([])
    .meta({ description: "Ids delivered so far; they count in max_tokens and are not emitted" }),
  resume_index: z.number().int().min(0).default(0)
    .meta({ description: "Index of the first token event to emit" }),
}).superRefine(checkRequest, ALWAYS).meta({ id: "ExecuteRequest" });

/** A validated execution. */
export type ExecuteRequest = z.output<typeof executeRequest>;

/** The part of a task that a worker needs: everything about what to generate, nothing about when. */
export function inferencePart(
  task: TaskRequest,
): Omit<TaskRequest, "session_id" | "priority" | "deadline_ms" | "detached"> {
  const { session_id: _s, priority: _p, deadline_ms: _d, detached: _x, ...request } = task;
  return request;
}
