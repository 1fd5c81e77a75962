import {
  type OllamaChatReply,
  type OllamaGenerateReply,
  ollamaRoutes as routes,
  type TaskRequest,
  workerRoutes,
} from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import { defined } from "#shared/json.ts";
import { anywhere } from "../../scheduler/state.ts";
import type { Orchestrator } from "../../service.ts";
import { askWorker } from "../dialect/ask_worker.ts";
import { answer, type Answering, type Asking } from "../dialect/serve.ts";
import { toTask } from "../dialect/task.ts";
import { chatLine, generateLine, lineWriter, type MakeLine, OllamaTranslator } from "./answer.ts";
import { mountOllamaEmbeddings } from "./embed.ts";
import { mountOllamaModels } from "./models.ts";
import { keepingOf } from "./keep_alive.ts";
import { chatTask, generateTask } from "./request.ts";

/** A call whose body may say how long the model stays. */
interface Keepable extends Asking {
  readonly body: {
    readonly model: string;
    readonly keep_alive?: string | number | null | undefined;
  };
}

/** What both kinds of request say of their reply. */
interface Asked {
  readonly model: string;
  readonly stream?: boolean | null | undefined;
}

/** `/api/…`: Ollama's API. */
export function mountOllama(app: App, orchestrator: Orchestrator): void {
  const { loop, store } = orchestrator;
  app.mount(
    routes.ollamaChat,
    async (call) =>
      await reply<OllamaChatReply>(
        await kept(call),
        call.body,
        chatTask(call.body, loop.meaning(call.body.model)),
        chatLine,
      ),
  );
  app.mount(
    routes.ollamaGenerate,
    async (call) =>
      await reply<OllamaGenerateReply>(
        await kept(call),
        call.body,
        generateTask(call.body, loop.meaning(call.body.model)),
        generateLine,
      ),
  );
  mountOllamaModels(app, orchestrator);
  mountOllamaEmbeddings(app, orchestrator);

  /** A call with what its `keep_alive` means. */
  async function kept<C extends Keepable>(call: C): Promise<C & { readonly keepMs?: number }> {
    const { body: { model, keep_alive }, caller } = call;
    const { keepMs, pins } = keepingOf(orchestrator, caller, keep_alive);
    if (pins) {
      const { fingerprint } = loop.resolve(model);
      const pin = { ...anywhere(fingerprint), model };
      await store.savePin(pin);
      loop.send({ kind: "pin", pin });
    }
    return { ...call, ...defined({ keepMs }) };
  }

  async function reply<Line>(
    asking: Asking,
    { model, stream }: Asked,
    task: TaskRequest | undefined,
    line: MakeLine<Line>,
  ): Promise<Line | Response> {
    if (!task) return asking.keepMs === 0 ? unload(model, line) : await load(asking, model, line);
    const answering: Answering<Line, Line> = {
      tasks: [task],
      isStream: stream !== false,
      translator: () => new OllamaTranslator<Line>(model, line),
      writer: lineWriter,
    };
    return await answer(orchestrator, asking, answering);
  }

  function unload<Line>(model: string, line: MakeLine<Line>): Line {
    const { fingerprint } = loop.resolve(model);
    loop.send({ kind: "unload", place: anywhere(fingerprint) });
    const created_at = new Date().toISOString();
    return line({ model, created_at, done: true, done_reason: "unload" }, {});
  }

  /** Waits until a worker has loaded the model. */
  async function load<Line>(asking: Asking, model: string, line: MakeLine<Line>): Promise<Line> {
    const { model: answers } = await askWorker(orchestrator, asking, {
      task: toTask({ model, prompt: " ", max_tokens: 1 }),
      route: workerRoutes.tokenize,
      input: { body: { prompt: " " } },
      tokensOf: () => 0,
    });
    const created_at = new Date().toISOString();
    return line({ model: answers, created_at, done: true, done_reason: "load" }, {});
  }
}
