import {
  type OllamaChatReply,
  type OllamaGenerateReply,
  ollamaRoutes as routes,
  type TaskRequest,
  workerRoutes,
} from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { askWorker } from "../dialect/ask_worker.ts";
import { type FieldNames, inItsWords } from "../dialect/field_names.ts";
import { answer, type Answering, type Asking } from "../dialect/serve.ts";
import { toTask } from "../dialect/task.ts";
import { chatLine, generateLine, lineWriter, type MakeLine, OllamaTranslator } from "./answer.ts";
import { mountOllamaEmbeddings } from "./embed.ts";
import { mountOllamaModels } from "./models.ts";
import { kept, unloadNow } from "./keep_alive.ts";
import { CHAT_NAMES, chatTask, generateNames, generateTask } from "./request.ts";

/** What both kinds of request say of their reply. */
interface Asked {
  readonly model: string;
  readonly stream?: boolean | null | undefined;
}

/** `/api/…`: Ollama's API. */
export function mountOllama(app: App, orchestrator: Orchestrator): void {
  const { loop } = orchestrator;
  app.mount(
    routes.ollamaChat,
    async (call) =>
      await reply<OllamaChatReply>(
        await kept(orchestrator, call),
        call.body,
        () => chatTask(call.body, loop.meaning(call.body.model)),
        CHAT_NAMES,
        chatLine,
      ),
  );
  app.mount(
    routes.ollamaGenerate,
    async (call) =>
      await reply<OllamaGenerateReply>(
        await kept(orchestrator, call),
        call.body,
        () => generateTask(call.body, loop.meaning(call.body.model)),
        generateNames(call.body),
        generateLine,
      ),
  );
  mountOllamaModels(app, orchestrator);
  mountOllamaEmbeddings(app, orchestrator);

  async function reply<Line>(
    asking: Asking,
    { model, stream }: Asked,
    makeTask: () => TaskRequest | undefined,
    names: FieldNames,
    line: MakeLine<Line>,
  ): Promise<Line | Response> {
    const began = performance.now();
    const task = await inItsWords(names, makeTask);
    if (!task) {
      return asking.keepMs === 0 ? unload(model, line) : await load(asking, model, line, names);
    }
    const answering: Answering<Line, Line> = {
      tasks: [task],
      names,
      isStream: stream !== false,
      translator: () => new OllamaTranslator<Line>(model, line, began),
      writer: lineWriter,
    };
    return await answer(orchestrator, asking, answering);
  }

  function unload<Line>(model: string, line: MakeLine<Line>): Line {
    unloadNow(orchestrator, model);
    const created_at = new Date().toISOString();
    return line({ model, created_at, done: true, done_reason: "unload" }, {});
  }

  /** Waits until a worker has loaded the model. */
  async function load<Line>(
    asking: Asking,
    model: string,
    line: MakeLine<Line>,
    names: FieldNames,
  ): Promise<Line> {
    const { model: answers } = await askWorker(orchestrator, asking, {
      task: toTask({ model, prompt: " ", max_tokens: 1 }),
      route: workerRoutes.tokenize,
      input: { body: { prompt: " " } },
      names,
      tokensOf: () => 0,
    });
    const created_at = new Date().toISOString();
    return line({ model: answers, created_at, done: true, done_reason: "load" }, {});
  }
}
