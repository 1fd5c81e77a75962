import { z } from "zod";
import { LlorchError } from "../errors.ts";
import { defined } from "../json.ts";
import { errorCode, identifier, milliseconds, timestamp, tokenId } from "./common.ts";
import { toolCall } from "./tools.ts";

/** Why a generation ended. */
export const stopReason = z.enum(["EOS", "MAX_TOKENS", "STOP_SEQUENCE", "TOOL_CALLS"]);

/** Why a generation ended. */
export type StopReason = z.output<typeof stopReason>;

// Readers may be older than writers: they drop fields that they do not know.

export const queuedData = z.object({
  job_id: identifier,
  queue_position: z.number().int().min(0).meta({ description: "Jobs ahead of this one" }),
  predicted_start_ms: milliseconds,
}).meta({ id: "QueuedEvent" });

export const startedData = z.object({
  job_id: identifier,
  worker_id: identifier,
  model: z.string(),
  fallback: z.literal(true).optional().meta({
    description: "model is the fallback of the name that was asked for; the event comes again if " +
      "a fallback takes over from a worker that had delivered nothing",
  }),
  started_at: timestamp,
  queue_wait_ms: milliseconds.meta({
    description: "Until it was sent to a worker: its turn in the queue, and the load of its model",
  }),
  tokens_in: z.number().int().min(0).optional()
    .meta({ description: "Tokens of the prompt; absent if the engine tells them only at the end" }),
  tokens_cached: z.number().int().min(0).optional()
    .meta({ description: "Those of them that were evaluated before" }),
}).meta({ id: "StartedEvent" });

/** The model that answers in place of the one that was asked for, if the event says so. */
export function fallbackOf(
  event: { readonly event: string; readonly data: unknown },
): string | undefined {
  if (event.event !== "started") return undefined;
  const { fallback, model } = event.data as z.output<typeof startedData>;
  return fallback ? model : undefined;
}

const tokenLogprob = z.object({
  id: tokenId,
  t: z.string().meta({
    description: "The token's text, with U+FFFD for a part of a character",
  }),
  bytes: z.array(z.number().int().min(0).max(255)).optional()
    .meta({ description: "The token's bytes, only if they are not those of t" }),
  logprob: z.number()
    .meta({ description: "Natural logarithm of the probability; -9999 if it is 0" }),
});

/** A chosen token's probability, before sampling unless the request asks for it afterwards. */
export const chosenLogprob = tokenLogprob.extend({
  top: z.array(tokenLogprob)
    .meta({ description: "The most probable candidates, most probable first" }),
}).meta({ id: "TokenLogprobs" });

/** A chosen token with its probability. */
export type ChosenLogprob = z.output<typeof chosenLogprob>;

/** A token of a prompt with its probability after the tokens before it. */
export const promptLogprob = chosenLogprob.extend({
  logprob: tokenLogprob.shape.logprob.optional().meta({
    description: "Absent for the first token",
  }),
}).meta({ id: "PromptLogprob" });

/** A token of a prompt with its probability. */
export type PromptLogprob = z.output<typeof promptLogprob>;

/** What an answer has taken. */
const figures = {
  tokens_in: z.number().int().min(0),
  tokens_cached: z.number().int().min(0),
  tokens_out: z.number().int().min(0),
  ttft_ms: z.number().min(0).meta({
    description: "From the start of execution to the first token",
  }),
  decode_time_ms: z.number().min(0),
};

const tokenTimings = z.object(figures).meta({ id: "TokenTimings" });

/** What an answer has taken so far. */
export type TokenTimings = z.output<typeof tokenTimings>;

/** A call to which the text of a token event belongs. */
export const callPart = z.object({
  index: z.number().int().min(0).meta({ description: "Which call of the answer, from 0" }),
  id: z.string().optional().meta({ description: "Only in the first event of a call" }),
  name: z.string().optional().meta({ description: "Only in the first event of a call" }),
}).meta({ id: "CallPart" });

/** A call to which the text of a token event belongs. */
export type CallPart = z.output<typeof callPart>;

export const tokenData = z.object({
  t: z.string().meta({
    description: "Text of the channel; whole UTF-8 characters only. It may be empty",
  }),
  i: z.number().int().min(0).meta({ description: "Index of the token event, from 0" }),
  ids: z.array(tokenId).optional().meta({ description: "Token ids; only with ?ids=true" }),
  logprobs: z.array(chosenLogprob).optional()
    .meta({
      description:
        "Those of the tokens that t is part of; with a channel, those of the marks around " +
        "it, too. Only if the request asks for them",
    }),
  channel: z.enum(["reasoning", "call"]).optional().meta({
    description: "reasoning: the model's thinking before its answer; call: the arguments of a " +
      "call, as the model writes them; absent: the answer",
  }),
  call: callPart.optional().meta({ description: "Only with channel call, and always then" }),
  timings: tokenTimings.optional()
    .meta({ description: "What the answer has taken so far; only if the request asks for it" }),
  mirostat_mu: z.number().optional().meta({
    description: "Mirostat's state after the tokens of ids; only beside them, and with mirostat",
  }),
}).meta({ id: "TokenEvent" });

/** Data of the `token` event. */
export type TokenData = z.output<typeof tokenData>;

export const metricsData = z.object({
  tokens_out: z.number().int().min(0),
  prompt_done: z.number().int().min(0).optional(),
  prompt_total: z.number().int().min(0).optional(),
  prompt_cached: z.number().int().min(0).optional()
    .meta({ description: "Tokens of prompt_done that had been evaluated before" }),
  prompt_ms: z.number().min(0).optional()
    .meta({ description: "Since the prompt's evaluation began" }),
  decode_time_ms: milliseconds,
  tokens_per_second: z.number().min(0),
  queue_depth: z.number().int().min(0).optional(),
  attempt: z.number().int().min(1),
}).meta({ id: "MetricsEvent" });

export const endData = z.object({
  ...figures,
  stop_reason: stopReason,
  stop_sequence: z.string().optional()
    .meta({ description: "The stop string that ended it; absent from older workers" }),
  tool_calls: z.array(toolCall).optional().meta({
    description: "All calls; with stop_reason MAX_TOKENS, the last one's arguments may be cut",
  }),
  reasoning_tokens: z.number().int().min(0).optional()
    .meta({ description: "Tokens of thinking, which tokens_out counts too" }),
  validated: z.boolean().optional().meta({
    description: "Whether the finished answer satisfies its schemas. Absent if the grammar held " +
      "all of them, if it was cut off, or if it could not be checked wholly",
  }),
  seed: z.number().int().min(0),
  prompt_logprobs: z.array(promptLogprob).optional()
    .meta({ description: "One for each token of the prompt, if the request asks for them" }),
  embeddings: z.array(z.string()).optional().meta({
    description: "Only of a batch's line that embeds: the vectors of its inputs, as 32-bit " +
      "little-endian floats in base64",
  }),
}).meta({ id: "EndEvent" });

export const errorData = z.object({
  code: errorCode,
  message: z.string(),
  retriable: z.boolean(),
  retry_after_ms: milliseconds.optional(),
  details: z.record(z.string(), z.unknown()).optional()
    .meta({ description: "As in an error reply; for INVALID_REQUEST, the wrong fields" }),
}).meta({ id: "ErrorEvent" });

/**
 * An event of a job as a client sees it: `queued`, `started`, then `token` and `metrics`, at last
 * `end` or `error`.
 */
export const jobEvent = z.discriminatedUnion("event", [
  z.object({ event: z.literal("queued"), data: queuedData }),
  z.object({ event: z.literal("started"), data: startedData }),
  z.object({ event: z.literal("token"), data: tokenData }),
  z.object({ event: z.literal("metrics"), data: metricsData }),
  z.object({ event: z.literal("end"), data: endData }),
  z.object({ event: z.literal("error"), data: errorData }),
]).meta({ id: "JobEvent" });

/** An event of a job. */
export type JobEvent = z.output<typeof jobEvent>;

/** Events that have an SSE `id` and are stored: all except `metrics`. */
export type StoredJobEvent = Exclude<JobEvent, { event: "metrics" }>;

/** Data of the `error` event. */
export type ErrorData = z.output<typeof errorData>;

/** An error as the data of an event. */
export function toErrorData(error: LlorchError): ErrorData {
  const { code, message, retriable, retryAfterMs: retry_after_ms, details } = error;
  return { code, message, retriable, ...defined({ retry_after_ms, details }) };
}

/** The error in an event's data, with the `retriable` of the data. */
export function eventError(data: ErrorData): LlorchError {
  const { code, message, retriable, retry_after_ms, details } = data;
  return new LlorchError(code, message, {
    retriable,
    ...defined({ retryAfterMs: retry_after_ms, details }),
  });
}

/** Data of the `end` event. */
export type EndData = z.output<typeof endData>;

/** Data of the `metrics` event. */
export type MetricsData = z.output<typeof metricsData>;

/** An event of `/execute`. Unlike a {@linkcode jobEvent}: no queue, and always with token ids. */
export const workerEvent = z.discriminatedUnion("event", [
  z.object({
    event: z.literal("started"),
    data: startedData.omit({ queue_wait_ms: true }).meta({ id: "WorkerStartedEvent" }),
  }),
  z.object({
    event: z.literal("token"),
    data: tokenData.required({ ids: true }).meta({ id: "WorkerTokenEvent" }),
  }),
  z.object({ event: z.literal("metrics"), data: metricsData }),
  z.object({ event: z.literal("end"), data: endData }),
  z.object({ event: z.literal("error"), data: errorData }),
]).meta({ id: "WorkerEvent" });

/** An event of `/execute`. */
export type WorkerEvent = z.output<typeof workerEvent>;

/** True for `end` and `error`, the events that end a stream. */
export function isTerminal(event: { readonly event: string }): boolean {
  return event.event === "end" || event.event === "error";
}
