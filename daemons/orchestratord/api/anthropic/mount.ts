import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { serve } from "../dialect/serve.ts";
import { mountCountTokens } from "./count_tokens.ts";
import { messages } from "./messages.ts";

/** `/v1/messages`: Anthropic's API. */
export function mountAnthropic(app: App, orchestrator: Orchestrator): void {
  serve(app, orchestrator, messages);
  mountCountTokens(app, orchestrator);
}
