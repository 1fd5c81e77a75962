import { anthropicRoutes as routes, workerRoutes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { askedModel } from "../asked_model.ts";
import { askWorker } from "../dialect/ask_worker.ts";
import { chatPrompt } from "../dialect/chat_prompt.ts";
import { inItsWords } from "../dialect/field_names.ts";
import { toTask } from "../dialect/task.ts";
import { messagesNames, promptFields } from "./prompt.ts";

/** `POST /v1/messages/count_tokens`: a worker makes the prompt and counts it. */
export function mountCountTokens(app: App, orchestrator: Orchestrator): void {
  app.mount(routes.countTokens, async (call) => {
    const model = askedModel(orchestrator, call.body.model, call.caller);
    const fields = { ...promptFields({ ...call.body, model }), max_tokens: 1 };
    const settings = orchestrator.loop.meaning(model);
    const names = messagesNames(call.body);
    const task = await inItsWords(names, () => toTask(fields, settings));
    const { reply: { count } } = await askWorker(orchestrator, call, {
      task,
      route: workerRoutes.tokenize,
      input: { body: chatPrompt(task) },
      names,
      // Nothing is evaluated.
      tokensOf: () => 0,
    });
    return { input_tokens: count };
  });
}
