import { orchestratorRoutes as routes, type TaskRequest } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App, Call } from "#shared/http/app.ts";
import { openAiBody } from "#shared/http/app.ts";
import { encodeSseData } from "#shared/http/sse.ts";
import type { LiveJob } from "../../jobs/live_job.ts";
import type { Orchestrator } from "../../service.ts";
import { type ChoiceItems, followAll, submitAll } from "../dialect/choices.ts";
import { chatTasks, ChatTranslator } from "./chat.ts";
import { completionTasks, CompletionTranslator } from "./completions.ts";
import { checkModelName, isFile, seesPaths } from "../hide_paths.ts";
import { startOrTimeout } from "../dialect/start.ts";
import type { Translator } from "../translator.ts";

/** `/v1/…` in OpenAI's shapes: jobs that are not kept and end with their client. */
export function mountOpenAi(app: App, orchestrator: Orchestrator): void {
  const { config, loop, openStreams } = orchestrator;

  app.mount(routes.openaiModels, ({ caller }) => ({
    object: "list" as const,
    data: [...loop.names()].filter(([name, models]) =>
      models.size === 1 && (seesPaths(caller) || !isFile(name))
    )
      .map(([name]) => modelObject(name))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  }));
  app.mount(routes.openaiModel, ({ params, caller }) => {
    checkModelName(caller, params.model);
    loop.resolve(params.model);
    return modelObject(params.model);
  });

  app.mount(
    routes.chat,
    (call) =>
      answer(
        call,
        chatTasks(call.body),
        ({ id, facts }) => new ChatTranslator(id, facts.createdAt, call.body),
      ),
  );
  app.mount(
    routes.completions,
    (call) =>
      answer(
        call,
        completionTasks(call.body),
        ({ id, facts }) => new CompletionTranslator(id, facts.createdAt, call.body),
      ),
  );

  async function answer<Whole>(
    call:
      & Pick<
        Call<typeof routes.chat | typeof routes.completions>,
        "signal" | "correlationId" | "caller"
      >
      & { readonly body: { readonly stream?: boolean | null | undefined } },
    tasks: readonly TaskRequest[],
    translate: (first: LiveJob) => Translator<unknown, Whole>,
  ): Promise<Whole | Response> {
    const begin = async () => {
      const jobs = await submitAll(orchestrator, tasks, call);
      const items = followAll(orchestrator, jobs, call.signal);
      return { translator: translate(jobs[0]!), items };
    };
    if (call.body.stream) {
      return await openStreams.place(call.signal, async (close) => {
        const { translator, items } = await begin();
        // A failure before the first byte is an HTTP status; a long load opens the stream first.
        const started = await startOrTimeout(items, config.streams.first_byte_ms);
        return openStreams.replyOpenAi(chunks(started, translator), close);
      });
    }
    return await openStreams.wait(async () => {
      const { translator, items } = await begin();
      for await (const { choice, items: came } of items) {
        for (const item of came) if (item.kind === "event") translator.take(choice, item.event);
      }
      return translator.whole();
    });
  }
}

function modelObject(id: string) {
  return { id, object: "model" as const, created: 0, owned_by: "llorch" };
}

async function* chunks(
  batches: AsyncGenerator<ChoiceItems>,
  translator: Translator<unknown, unknown>,
): AsyncGenerator<Uint8Array> {
  let texts: string[] = [];
  try {
    for await (const { choice, items } of batches) {
      for (const item of items) {
        if (item.kind !== "event") continue;
        for (const chunk of translator.take(choice, item.event)) texts.push(JSON.stringify(chunk));
      }
      if (texts.length === 0) continue;
      yield encodeSseData(...texts);
      texts = [];
    }
    yield encodeSseData("[DONE]");
  } catch (error) {
    if (!(error instanceof LlorchError)) throw error;
    // Behind what came together with it.
    yield encodeSseData(...texts, JSON.stringify(openAiBody(error)), "[DONE]");
  }
}
