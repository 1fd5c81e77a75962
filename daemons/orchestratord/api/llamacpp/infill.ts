import {
  givenSampling,
  type InfillRequest,
  llamaRoutes as routes,
  type NativeChunk,
  type TaskRequest,
} from "#shared/contracts/mod.ts";
import { defined } from "#shared/json.ts";
import type { Operation } from "../dialect/dialect.ts";
import { type NameSettings, toTask } from "../dialect/task.ts";
import { NativeTranslator, nativeWriter } from "./translator.ts";

/** Converts a request to its task. */
export function infillTask(body: InfillRequest, settings?: NameSettings): TaskRequest {
  const { n_predict, seed, top_k } = body;
  return toTask({
    model: body.model,
    prompt: body.input_prefix + body.prompt,
    suffix: body.input_suffix,
    context_files: body.input_extra.map(({ filename, text }) => ({ filename, text })),
    ...defined({
      temperature: body.temperature,
      top_k,
      top_p: body.top_p,
      min_p: body.min_p,
      repetition_penalty: body.repeat_penalty,
      frequency_penalty: body.frequency_penalty,
      presence_penalty: body.presence_penalty,
      stop: body.stop,
      // A job generates a token at least; the reply to 0 leaves it out.
      max_tokens: n_predict < 0 ? undefined : Math.max(1, n_predict),
      seed: seed == null || seed < 0 ? undefined : seed >>> 0,
    }),
    ...givenSampling(body),
  }, settings);
}

/** `POST /infill`. */
export const infill: Operation<typeof routes.infill, NativeChunk> = {
  route: routes.infill,
  tasks: (body, settings) => [infillTask(body, settings)],
  names: () => ({
    prompt: "input_prefix",
    suffix: "input_suffix",
    context_files: "input_extra",
    max_tokens: "n_predict",
    repetition_penalty: "repeat_penalty",
  }),
  isStream: (body) => body.stream,
  translator: ({ request }, { model, n_predict, stream: isStream }) =>
    new NativeTranslator({ model, isEvaluation: n_predict === 0, isStream }, request),
  writer: nativeWriter,
};
