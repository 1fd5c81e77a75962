import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App } from "#shared/http/app.ts";
import { openAiBody } from "#shared/http/app.ts";
import { encodeSseData } from "#shared/http/sse.ts";
import { sseResponse } from "#shared/http/sse_response.ts";
import type { Orchestrator } from "../orchestrator.ts";
import type { StreamItem } from "../relay/job_stream.ts";
import { followLive } from "./follow.ts";
import { ChatTranslator, toTask } from "./openai_chat.ts";
import { startOrTimeout } from "./start.ts";

/** `/v1/…` in OpenAI's shapes: jobs that are not kept and end with their client. */
export function mountOpenAi(app: App, orchestrator: Orchestrator): void {
  const { config, jobs, loop } = orchestrator;

  app.mount(routes.openaiModels, () => ({
    object: "list" as const,
    data: [...loop.names()].filter(([, models]) => models.size === 1)
      .map(([name]) => modelObject(name))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  }));
  app.mount(routes.openaiModel, ({ params }) => {
    loop.resolve(params.model);
    return modelObject(params.model);
  });

  app.mount(routes.chat, async ({ body, signal, correlationId }) => {
    const task = toTask(body);
    const { job } = await jobs.submit(task, { durable: false, correlationId });
    if (!job) throw new LlorchError("INTERNAL", "A volatile job has no live job");
    const translator = new ChatTranslator(job.id, job.facts.createdAt, body);
    const items = followLive(orchestrator, job, 0, signal, 0);
    if (!body.stream) {
      for await (const item of items) {
        if (item.kind === "event") translator.take(item.event);
      }
      return translator.completion();
    }
    // A failure before the first byte is an HTTP status; a long load opens the stream first.
    const started = await startOrTimeout(items, config.streams.first_byte_ms);
    return sseResponse(chunks(started, translator), {
      keepAliveMs: config.streams.keep_alive_ms,
    });
  });
}

function modelObject(id: string) {
  return { id, object: "model" as const, created: 0, owned_by: "llorch" };
}

async function* chunks(
  items: AsyncGenerator<StreamItem>,
  translator: ChatTranslator,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const item of items) {
      if (item.kind !== "event") continue;
      for (const chunk of translator.take(item.event)) {
        yield encodeSseData(JSON.stringify(chunk));
      }
    }
    yield encodeSseData("[DONE]");
  } catch (error) {
    if (!(error instanceof LlorchError)) throw error;
    yield encodeSseData(JSON.stringify(openAiBody(error)));
    yield encodeSseData("[DONE]");
  }
}
