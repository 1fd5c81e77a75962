import {
  type EndData,
  type OpenAIUsage,
  type TaskRequest,
  type TaskRequestInput,
} from "#shared/contracts/mod.ts";
import type { ChatRequest, CompletionRequest } from "#shared/contracts/mod.ts";
import { type NameSettings, toTask } from "../dialect/task.ts";

/** OpenAI's requests that generate text. */
export type GenerateRequest = ChatRequest | CompletionRequest;

/**
 * One task for each choice of a request; fields that are null or absent take our defaults. The seed
 * counts up over the choices, so that they differ and each can be repeated; -1 means no seed.
 *
 * @param more Further fields of the task, which depend on the kind of request.
 * @param settings What the name of the model sets.
 */
export function toTasks(
  body: GenerateRequest,
  more: Readonly<Record<string, unknown>>,
  settings?: NameSettings,
): TaskRequest[] {
  const given: Record<string, unknown> = {
    model: body.model,
    max_tokens: body.max_tokens,
    temperature: body.temperature,
    top_p: body.top_p,
    top_k: body.top_k,
    min_p: body.min_p,
    repetition_penalty: body.repetition_penalty,
    frequency_penalty: body.frequency_penalty,
    presence_penalty: body.presence_penalty,
    logit_bias: body.logit_bias,
    stop: typeof body.stop === "string" ? [body.stop] : body.stop,
    post_sampling_probs: body.post_sampling_probs,
    // OpenAI allows any integer; ours have 32 bits, unsigned. For -1, llama.cpp, vLLM and Ollama choose
    // a random seed, and so do we.
    seed: typeof body.seed === "number" && body.seed !== -1
      ? Number(BigInt.asUintN(32, BigInt(body.seed)))
      : undefined,
    ...more,
  };
  const present = Object.entries(given).filter(([, v]) => v !== undefined && v !== null);
  const task = toTask(Object.fromEntries(present) as Partial<TaskRequestInput>, settings);
  return Array.from({ length: body.n ?? 1 }, (_, choice) => ({
    ...task,
    ...(task.seed === undefined ? {} : { seed: (task.seed + choice) >>> 0 }),
  }));
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
