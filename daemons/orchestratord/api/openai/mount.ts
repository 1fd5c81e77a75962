import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { serve } from "../dialect/serve.ts";
import { chat } from "./chat.ts";
import { completions } from "./completions.ts";
import { mountModelLists } from "./models.ts";
import { mountTranscriptions } from "./transcriptions.ts";
import { mountVectors } from "./vectors.ts";

/** `/v1/…`: OpenAI's API. */
export function mountOpenAi(app: App, orchestrator: Orchestrator): void {
  mountModelLists(app, orchestrator);
  serve(app, orchestrator, chat);
  serve(app, orchestrator, completions);
  mountTranscriptions(app, orchestrator);
  mountVectors(app, orchestrator);
}
