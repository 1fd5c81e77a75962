import type { App } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { serve } from "../dialect/serve.ts";
import { infill } from "./infill.ts";

/** llama-server's own API, as far as editors use it. */
export function mountLlamaServer(app: App, orchestrator: Orchestrator): void {
  serve(app, orchestrator, infill);
}
