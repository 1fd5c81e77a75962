import { samplingOptions, type TaskRequest, taskRequest } from "#shared/contracts/mod.ts";

/** A task's settings under llama-server's names; those that no task has are as they always are. */
export function settingsOf(
  task: TaskRequest,
  { isStream, seed }: { readonly isStream: boolean; readonly seed: number },
): Record<string, unknown> {
  const limit = task.max_tokens ?? -1;
  // llama-server has all options but these two, which are vLLM's.
  const { min_tokens: _min, stop_token_ids: _stops, ...options } = samplingOptions(task);
  return {
    ...options,
    seed,
    temperature: task.temperature,
    top_k: task.top_k,
    top_p: task.top_p,
    min_p: task.min_p,
    repeat_penalty: task.repetition_penalty,
    presence_penalty: task.presence_penalty,
    frequency_penalty: task.frequency_penalty,
    stop: task.stop,
    max_tokens: limit,
    n_predict: limit,
    stream: isStream,
    logit_bias: Object.entries(task.logit_bias ?? {})
      .map(([token, bias]) => ({ token: Number(token), bias })),
    n_probs: task.logprobs ?? 0,
    grammar: task.grammar ?? "",
    post_sampling_probs: task.post_sampling_probs ?? false,
  };
}

/** The settings of a request that sets none, of which a seed is random. */
export function defaultSettings(): Record<string, unknown> {
  const task = taskRequest.parse({ model: "m", prompt: "p" });
  return settingsOf(task, { isStream: true, seed: 0xffffffff });
}
