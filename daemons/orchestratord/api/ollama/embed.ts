import { ollamaRoutes as routes, workerRoutes } from "#shared/contracts/mod.ts";
import type { App, Call } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { askWorker } from "../dialect/ask_worker.ts";
import { floats, inputTask } from "../dialect/vectors.ts";
import { nanoseconds } from "./answer.ts";

/** Embeddings in Ollama's shapes. */
export function mountOllamaEmbeddings(app: App, orchestrator: Orchestrator): void {
  type Asking = Pick<Call<typeof routes.ollamaEmbed>, "signal" | "correlationId" | "caller">;
  const embed = async (asking: Asking, model: string, inputs: readonly string[]) => {
    if (inputs.length === 0) return { model, embeddings: [], tokens: 0 };
    const { reply: { embeddings, tokens }, model: answers } = await askWorker(
      orchestrator,
      asking,
      {
        task: inputTask(model, inputs),
        route: workerRoutes.embed,
        input: { body: { input: [...inputs] } },
        tokensOf: (reply) => reply.tokens,
      },
    );
    return { model: answers, embeddings: embeddings.map(floats), tokens };
  };
  app.mount(routes.ollamaEmbed, async (call) => {
    const began = performance.now();
    const { input } = call.body;
    const inputs = (typeof input === "string" ? [input] : input).filter((text) => text !== "");
    const { model, embeddings, tokens } = await embed(call, call.body.model, inputs);
    return {
      model,
      embeddings,
      total_duration: nanoseconds(performance.now() - began),
      load_duration: 0,
      prompt_eval_count: tokens,
    };
  });
  app.mount(routes.ollamaEmbeddings, async (call) => {
    const { model, prompt } = call.body;
    const { embeddings: [embedding = []] } = await embed(
      call,
      model,
      prompt === "" ? [] : [prompt],
    );
    return { embedding };
  });
}
