import {
  type ResponseEvent,
  type ResponseObject,
  responsesRoutes as routes,
} from "#shared/contracts/mod.ts";
import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { answer } from "../dialect/serve.ts";
import { itemsOf, messagesOf } from "./prompt.ts";
import { responseTask } from "./task.ts";
import { ResponseTranslator } from "./translator.ts";
import { responseWriter } from "./writer.ts";

/** `/v1/responses`: OpenAI's newer API. */
export function mountResponses(app: App, orchestrator: Orchestrator): void {
  app.mount(routes.respond, async (call) => {
    const { body } = call;
    const messages = messagesOf(itemsOf(body.input, new Map()), body.instructions);
    return await answer<ResponseEvent, ResponseObject>(orchestrator, call, {
      tasks: [responseTask(body, messages)],
      isStream: body.stream === true,
      translator: ({ id, facts }) => new ResponseTranslator(id, facts.createdAt, body, false),
      writer: responseWriter,
    });
  });
}
