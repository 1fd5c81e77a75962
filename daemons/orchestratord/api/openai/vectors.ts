import {
  eventError,
  inputsOf,
  orchestratorRoutes as routes,
  type Route,
  type RouteCall,
  type RouteResult,
  type TaskRequest,
  taskRequest,
  workerRoutes,
} from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App, Call } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { callAttempt } from "../../jobs/call_attempt.ts";
import { followAll, submitAll } from "../dialect/choices.ts";

/** `/v1/embeddings` and `/v1/rerank`: jobs that consist of one call of a worker. */
export function mountVectors(app: App, orchestrator: Orchestrator): void {
  app.mount(routes.embeddings, async (call) => {
    const { model, input, encoding_format } = call.body;
    const inputs = inputsOf(input);
    const { embeddings, tokens } = await callWorker(
      call,
      taskFor(model, inputs),
      workerRoutes.embed,
      { body: { input: inputs } },
    );
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
    const { scores, tokens } = await callWorker(
      call,
      taskFor(model, documents.map((document) => query + document)),
      workerRoutes.rerank,
      { body: { query, documents } },
    );
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

  function callWorker<R extends Route>(
    ...call: Parameters<typeof askWorker<R>>
  ): Promise<RouteResult<R>> {
    return orchestrator.openStreams.wait(() => askWorker(...call));
  }

  async function askWorker<R extends Route>(
    { signal, correlationId, caller }: Pick<
      Call<typeof routes.embeddings>,
      "signal" | "correlationId" | "caller"
    >,
    task: TaskRequest,
    route: R,
    input: RouteCall<R>,
  ): Promise<RouteResult<R>> {
    let reply: RouteResult<R> | undefined;
    const runAttempt = callAttempt({
      route,
      input,
      timeoutMs: orchestrator.config.failover.call_ms,
      onReply: (given) => reply = given,
    });
    const jobs = await submitAll(orchestrator, [task], { correlationId, caller, runAttempt });
    for await (const { items } of followAll(orchestrator, jobs, signal)) {
      for (const item of items) {
        if (item.kind !== "event" || item.event.event !== "error") continue;
        throw eventError(item.event.data);
      }
    }
    if (reply === undefined) throw new LlorchError("CANCELLED", "The client went away");
    return reply;
  }
}

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
