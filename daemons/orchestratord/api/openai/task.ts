import {
  type EndData,
  type OpenAIUsage,
  type TaskRequest,
  taskRequest,
  type TaskRequestInput,
} from "#shared/contracts/mod.ts";
import type { ChatRequest, CompletionRequest } from "#shared/contracts/mod.ts";

/** Either of OpenAI's generating requests. */
export type GenerateRequest = ChatRequest | CompletionRequest;

/**
 * One task for each choice of a request; fields that are null or absent take our defaults. A seed
 * counts up over the choices, so that they differ and each can be had again; -1 is none.
 *
 * @param more What the kind of request adds.
 */
export function toTasks(
  body: GenerateRequest,
  more: Readonly<Record<string, unknown>>,
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
    ...more,
  };
  const present = Object.entries(given).filter(([, v]) => v !== undefined && v !== null);
  const task = taskRequest.parse(Object.fromEntries(present) as TaskRequestInput);
  return Array.from({ length: body.n ?? 1 }, (_, choice) => ({
    ...task,
    // OpenAI allows any integer; ours are unsigned 32 bits. llama.cpp, vLLM and Ollama choose one
    // at random for -1, and so do we.
    ...(typeof body.seed === "number" && body.seed !== -1
      ? { seed: Number(BigInt.asUintN(32, BigInt(body.seed) + BigInt(choice))) }
      : {}),
  }));
}

/**
 * Usage of a whole request.
 *
 * @param ends Of all choices.
 * @param n Choices of one prompt, which stand together: they count their prompt once.
 */
export function usageOf(ends: readonly EndData[], n: number): OpenAIUsage {
  const prompts = ends.filter((_, choice) => choice % n === 0);
  const sum = (of: readonly EndData[], key: "tokens_in" | "tokens_out" | "tokens_cached") =>
    of.reduce((total, end) => total + end[key], 0);
  const prompt_tokens = sum(prompts, "tokens_in");
  const completion_tokens = sum(ends, "tokens_out");
  return {
    prompt_tokens,
    completion_tokens,
    total_tokens: prompt_tokens + completion_tokens,
    prompt_tokens_details: { cached_tokens: sum(prompts, "tokens_cached") },
  };
}
