import {
  llamaRoutes as routes,
  type NativeChunk,
  type NativeCompletionRequest,
  type TaskRequest,
} from "#shared/contracts/mod.ts";
import type { Operation } from "../dialect/dialect.ts";
import type { NameSettings } from "../dialect/task.ts";
import { promptFields } from "../openai/completions.ts";
import { limitOf, taskNames, toTasks } from "../openai/task.ts";
import { NativeTranslator, nativeWriter } from "./translator.ts";

/** Converts a request to its task. */
export function nativeTask(body: NativeCompletionRequest, settings?: NameSettings): TaskRequest {
  const [task] = toTasks(body, {
    ...promptFields(body.prompt, {}),
    ...limitOf(body.n_predict ?? body.max_tokens),
    logprobs: body.n_probs || undefined,
    post_sampling_probs: body.n_probs ? body.post_sampling_probs : undefined,
  }, settings);
  return task!;
}

/** `POST /completion`. */
export const completion: Operation<typeof routes.nativeCompletion, NativeChunk> = {
  route: routes.nativeCompletion,
  tasks: (body, settings) => [nativeTask(body, settings)],
  names: (body) => ({
    ...taskNames(body),
    ...{ prompt: "prompt", prompt_tokens: "prompt", logprobs: "n_probs" },
    ...(body.n_predict == null ? {} : { max_tokens: "n_predict" }),
  }),
  isStream: (body) => body.stream === true,
  translator: ({ request }, body) =>
    new NativeTranslator({
      model: body.model,
      isEvaluation: (body.n_predict ?? body.max_tokens) === 0,
      isStream: body.stream === true,
      wantsTokens: body.return_tokens === true,
      prompt: typeof body.prompt === "string" ? body.prompt : undefined,
    }, request),
  writer: nativeWriter,
};
