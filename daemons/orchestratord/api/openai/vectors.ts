import {
  inputsOf,
  orchestratorRoutes as routes,
  type TaskRequest,
  taskRequest,
  workerRoutes,
} from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { askWorker } from "../dialect/ask_worker.ts";

/** `/v1/embeddings` and `/v1/rerank`: jobs that consist of one call of a worker. */
export function mountVectors(app: App, orchestrator: Orchestrator): void {
  app.mount(routes.embeddings, async (call) => {
    const { model, input, encoding_format } = call.body;
    const inputs = inputsOf(input);
    const { embeddings, tokens } = await askWorker(orchestrator, call, {
      task: taskFor(model, inputs),
      route: workerRoutes.embed,
      input: { body: { input: inputs } },
      tokensOf,
    });
    return {
      object: "list" as const,
      model,
      data: embeddings.map((embedding, index) => ({
        object: "embedding" as const,
        index,
        embedding: encoding_format === "base64" ? embedding : floats(embedding),
      })),
      usage: { prompt_tokens: tokens, total_tokens: tokens },
    };
  });

  app.mount(routes.rank, async (call) => {
    const { model, query, top_n, return_documents } = call.body;
    const documents = call.body.documents.map((each) =>
      typeof each === "string" ? each : each.text
    );
    const { scores, tokens } = await askWorker(orchestrator, call, {
      task: taskFor(model, documents.map((document) => query + document)),
      route: workerRoutes.rerank,
      input: { body: { query, documents } },
      tokensOf,
    });
    const results = scores
      .map((relevance_score, index) => ({
        index,
        relevance_score,
        ...(return_documents ? { document: { text: documents[index]! } } : {}),
      }))
      .sort((a, b) => b.relevance_score - a.relevance_score)
      .slice(0, top_n ?? undefined);
    return { model, results, usage: { prompt_tokens: tokens, total_tokens: tokens } };
  });
}

const tokensOf = ({ tokens }: { readonly tokens: number }) => tokens;

/** A task that stands for a call at admission and in the queue: its longest input, with one token to generate. */
function taskFor(model: string, inputs: readonly (string | number[])[]): TaskRequest {
  const longest = inputs.reduce((one, other) => other.length > one.length ? other : one);
  return taskRequest.parse({
    model,
    max_tokens: 1,
    ...(typeof longest === "string" ? { prompt: longest } : { prompt_tokens: longest }),
  });
}

/** Decodes an embedding: base64 of 32-bit floats, little-endian. */
function floats(embedding: string): number[] {
  const bytes = Uint8Array.fromBase64(embedding);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true));
}
