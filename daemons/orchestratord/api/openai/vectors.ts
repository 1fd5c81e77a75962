import { inputsOf, orchestratorRoutes as routes, workerRoutes } from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { askedModel } from "../asked_model.ts";
import { askWorker } from "../dialect/ask_worker.ts";
import { inputTask } from "../dialect/vectors.ts";
import { embeddingsOf } from "./embeddings.ts";

/** `/v1/embeddings` and `/v1/rerank`: jobs that consist of one call of a worker. */
export function mountVectors(app: App, orchestrator: Orchestrator): void {
  app.mount(routes.embeddings, async (call) => {
    const asked = askedModel(orchestrator, call.body.model, call.caller);
    const inputs = inputsOf(call.body.input);
    const { reply: { embeddings, tokens }, model } = await askWorker(orchestrator, call, {
      task: inputTask(asked, inputs),
      route: workerRoutes.embed,
      input: { body: { input: inputs } },
      names: { prompt: "input", prompt_tokens: "input" },
      tokensOf,
    });
    return embeddingsOf({ ...call.body, model }, embeddings, tokens);
  });

  app.mount(routes.rank, async (call) => {
    const { query, texts, top_n, return_documents, return_text } = call.body;
    const asked = askedModel(orchestrator, call.body.model, call.caller);
    const documents = texts ??
      call.body.documents!.map((each) => typeof each === "string" ? each : each.text);
    const field = texts ? "texts" : "documents";
    // Of a pair that is too long, the longer part is to be made shorter.
    const isQuery = documents.every(({ length }) => length < query.length);
    const { reply: { scores, tokens }, model } = await askWorker(orchestrator, call, {
      task: inputTask(asked, documents.map((document) => query + document)),
      route: workerRoutes.rerank,
      input: { body: { query, documents } },
      names: { documents: field, prompt: isQuery ? "query" : field },
      tokensOf,
    });
    const ranked = scores.map((score, index) => ({ score, index, text: documents[index]! }))
      .sort((a, b) => b.score - a.score)
      .slice(0, top_n ?? undefined);
    if (texts) {
      return ranked.map(({ score, index, text }) => ({
        index,
        score,
        ...(return_text ? { text } : {}),
      }));
    }
    const results = ranked.map(({ score: relevance_score, index, text }) => ({
      index,
      relevance_score,
      ...(return_documents ? { document: { text } } : {}),
    }));
    const usage = { prompt_tokens: tokens, total_tokens: tokens };
    return { id: call.correlationId, model, results, usage };
  });
}

const tokensOf = ({ tokens }: { readonly tokens: number }) => tokens;
