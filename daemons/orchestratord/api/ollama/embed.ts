import { ollamaRoutes as routes, workerRoutes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { askWorker } from "../dialect/ask_worker.ts";
import type { Asking } from "../dialect/serve.ts";
import { cut, floats, inputTask } from "../dialect/vectors.ts";
import { nanoseconds } from "./answer.ts";
import { firstTokens } from "./first_tokens.ts";
import { kept, unloadNow } from "./keep_alive.ts";

type Input = string | number[];

/** Embeddings in Ollama's shapes. */
export function mountOllamaEmbeddings(app: App, orchestrator: Orchestrator): void {
  const embed = async (
    asking: Asking,
    model: string,
    inputs: readonly Input[],
    field = "input",
  ) => {
    if (inputs.length === 0) {
      if (asking.keepMs === 0) unloadNow(orchestrator, model);
      return { model, embeddings: [], tokens: 0 };
    }
    const { reply: { embeddings, tokens }, model: answers } = await askWorker(
      orchestrator,
      asking,
      {
        task: inputTask(model, inputs),
        route: workerRoutes.embed,
        input: { body: { input: [...inputs] } },
        names: { input: field, prompt: field, prompt_tokens: field },
        tokensOf: (reply) => reply.tokens,
      },
    );
    return { model: answers, embeddings: embeddings.map(floats), tokens };
  };

  /** Cuts texts only if they do not fit: what fits costs nothing more. */
  const embedCut = async (asking: Asking, model: string, texts: readonly string[]) => {
    try {
      return await embed(asking, model, texts);
    } catch (error) {
      const context = contextOf(error);
      if (context === undefined) throw error;
      const inputs: Input[] = [];
      for (const text of texts) {
        inputs.push(await firstTokens(orchestrator, asking, { model, text, context }));
      }
      return await embed(asking, model, inputs);
    }
  };

  app.mount(routes.ollamaEmbed, async (call) => {
    const began = performance.now();
    const asking = await kept(orchestrator, call);
    const { model: asked, input, truncate, dimensions } = call.body;
    const texts = (typeof input === "string" ? [input] : input).filter((text) => text !== "");
    const { model, embeddings, tokens } = truncate === false
      ? await embed(asking, asked, texts)
      : await embedCut(asking, asked, texts);
    return {
      model,
      embeddings: dimensions ? embeddings.map((vector) => cut(vector, dimensions)) : embeddings,
      total_duration: nanoseconds(performance.now() - began),
      load_duration: 0,
      prompt_eval_count: tokens,
    };
  });
  app.mount(routes.ollamaEmbeddings, async (call) => {
    const asking = await kept(orchestrator, call);
    const { model, prompt } = call.body;
    const { embeddings: [embedding = []] } = await embed(
      asking,
      model,
      prompt === "" ? [] : [prompt],
      "prompt",
    );
    return { embedding };
  });
}

/** The context that an input did not fit into; undefined for other errors, and if it is not told. */
function contextOf(error: unknown): number | undefined {
  if (!(error instanceof LlorchError) || error.code !== "CONTEXT_LENGTH_EXCEEDED") return undefined;
  const context = error.details?.["context"];
  return typeof context === "number" ? context : undefined;
}
