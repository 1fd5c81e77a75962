import {
  type EndData,
  givenSampling,
  heldBy,
  type HeldFields,
  type OpenAIUsage,
  type SamplingOption,
  type StoredJobEvent,
  type TaskRequest,
  type TaskRequestInput,
  type Timings,
  type TokenData,
  type TokenTimings,
} from "#shared/contracts/mod.ts";
import type { ChatRequest, CompletionRequest } from "#shared/contracts/mod.ts";
import { type NameSettings, seedOf, toTask } from "../dialect/task.ts";

/** OpenAI's requests that generate text. */
export type GenerateRequest = ChatRequest | CompletionRequest;

/** The fields that all requests which generate text share. */
type SampledRequest =
  & HeldFields
  & Pick<
    CompletionRequest,
    | "model"
    | "max_tokens"
    | "n_predict"
    | "temperature"
    | "top_p"
    | "top_k"
    | "min_p"
    | "repeat_penalty"
    | "frequency_penalty"
    | "presence_penalty"
    | "logit_bias"
    | "stop"
    | "seed"
    | "stream"
    | "timings_per_token"
    | "return_progress"
    | SamplingOption
  >
  & Partial<Pick<CompletionRequest, "repetition_penalty" | "post_sampling_probs" | "n">>;

/**
 * One task for each choice of a request; fields that are null or absent take our defaults. The seed
 * counts up over the choices, so that they differ and each can be repeated; -1 means no seed.
 *
 * @param more Further fields of the task, which depend on the kind of request.
 * @param settings What the name of the model sets.
 */
export function toTasks(
  body: SampledRequest,
  more: Readonly<Record<string, unknown>>,
  settings?: NameSettings,
): TaskRequest[] {
  const given: Record<string, unknown> = {
    model: body.model,
    ...limitOf(body.max_tokens ?? body.n_predict),
    temperature: body.temperature,
    top_p: body.top_p,
    top_k: body.top_k,
    min_p: body.min_p,
    repetition_penalty: body.repetition_penalty ?? body.repeat_penalty,
    frequency_penalty: body.frequency_penalty,
    presence_penalty: body.presence_penalty,
    logit_bias: body.logit_bias,
    ...givenSampling(body),
    stop: body.stop,
    ...heldFields(body),
    post_sampling_probs: body.post_sampling_probs,
    // Whole replies have neither.
    prompt_progress: body.stream && body.return_progress || undefined,
    token_timings: body.stream && body.timings_per_token || undefined,
    seed: seedOf(body.seed),
    ...more,
  };
  const present = Object.entries(given).filter(([, v]) => v !== undefined && v !== null);
  const task = toTask(Object.fromEntries(present) as Partial<TaskRequestInput>, settings);
  return Array.from({ length: body.n ?? 1 }, (_, choice) => ({
    ...task,
    ...(task.seed === undefined ? {} : { seed: (task.seed + choice) >>> 0 }),
  }));
}

/** A limit of tokens as tasks have it: a job generates a token at least. */
export function limitOf(limit: number | null | undefined): { max_tokens: number | undefined } {
  return { max_tokens: limit == null || limit < 0 ? undefined : Math.max(1, limit) };
}

/** Whether a client wants the prompt evaluated and nothing generated. */
export function isEvaluation(body: GenerateRequest): boolean {
  const limits = [
    "max_completion_tokens" in body ? body.max_completion_tokens : undefined,
    body.max_tokens,
    body.n_predict,
  ];
  return limits.find((limit) => limit != null) === 0;
}

/**
 * An event of the job behind a request that only evaluates its prompt: the token that a job makes at least
 * is left out.
 */
export function withoutTokens(event: StoredJobEvent): StoredJobEvent | undefined {
  if (event.event === "token") return undefined;
  if (event.event !== "end") return event;
  const { tool_calls: _, reasoning_tokens: __, ...data } = event.data;
  const none = { tokens_out: 0, decode_time_ms: 0, stop_reason: "MAX_TOKENS" as const };
  return { event: "end", data: { ...data, ...none } };
}

/** The timings of a chunk, where the client asked for them. */
export function chunkTimings({ timings }: Pick<TokenData, "timings">): { timings?: Timings } {
  return timings ? { timings: timingsOf(timings) } : {};
}

/** What an answer took, or has taken so far. */
export function timingsOf(figures: TokenTimings): Timings {
  const { tokens_in, tokens_cached, tokens_out, ttft_ms, decode_time_ms } = figures;
  const rate = (tokens: number, ms: number) => ms > 0 ? tokens / ms * 1000 : 0;
  const each = (tokens: number, ms: number) => tokens > 0 ? ms / tokens : 0;
  const evaluated = tokens_in - tokens_cached;
  return {
    cache_n: tokens_cached,
    prompt_n: evaluated,
    prompt_ms: ttft_ms,
    prompt_per_token_ms: each(evaluated, ttft_ms),
    prompt_per_second: rate(evaluated, ttft_ms),
    predicted_n: tokens_out,
    predicted_ms: decode_time_ms,
    predicted_per_token_ms: each(tokens_out, decode_time_ms),
    predicted_per_second: rate(tokens_out, decode_time_ms),
  };
}

/** What a request calls the fields of its tasks, but for its prompt. */
export function taskNames(body: SampledRequest): Readonly<Record<string, string>> {
  const limit = body.max_tokens == null && body.n_predict != null ? "n_predict" : "max_tokens";
  const repetition = body.repetition_penalty == null ? "repeat_penalty" : "repetition_penalty";
  const [held] = heldBy(body);
  return {
    max_tokens: limit,
    ...(body.repeat_penalty == null ? {} : { repetition_penalty: repetition }),
    ...(held ? { json_schema: held.field, grammar: held.field } : {}),
  };
}

function heldFields(body: HeldFields): Partial<TaskRequestInput> {
  const { field: _, ...held } = heldBy(body)[0] ?? {};
  return held;
}

/**
 * Usage of a whole request.
 *
 * @param ends The ends of all choices; those of one prompt are adjacent.
 * @param n Choices per prompt; their prompt is counted once.
 */
export function usageOf(ends: readonly EndData[], n: number): OpenAIUsage {
  const prompts = ends.filter((_, choice) => choice % n === 0);
  const sum = (
    of: readonly EndData[],
    key: "tokens_in" | "tokens_out" | "tokens_cached" | "reasoning_tokens",
  ) => of.reduce((total, end) => total + (end[key] ?? 0), 0);
  const prompt_tokens = sum(prompts, "tokens_in");
  const completion_tokens = sum(ends, "tokens_out");
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    prompt_tokens_details: { cached_tokens: sum(prompts, "tokens_cached") },
    completion_tokens_details: { reasoning_tokens: sum(ends, "reasoning_tokens") },
  };
}
