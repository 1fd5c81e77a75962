import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { serve } from "../dialect/serve.ts";
import { completion } from "./completion.ts";
import { infill } from "./infill.ts";
import { mountProps } from "./props.ts";
import { mountTokens } from "./tokens.ts";

/** llama-server's own API. */
export function mountLlamaServer(app: App, orchestrator: Orchestrator): void {
  serve(app, orchestrator, infill);
  serve(app, orchestrator, completion);
  mountTokens(app, orchestrator);
  mountProps(app, orchestrator);
}
