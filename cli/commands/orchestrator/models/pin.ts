import { type Command, QUIET_OPTION } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";
import { PLACE_OPTIONS } from "./place_options.ts";

/** `llorch orchestrator models pin` */
export const pin: Command = {
  kind: "command",
  name: "pin",
  summary: "Keep a model in memory: never evict it, nor stop it when idle",
  arguments: [{ name: "<model>", summary: "Its name", values: "models" }],
  options: [...PLACE_OPTIONS, urlOption(ORCHESTRATORD), QUIET_OPTION],
  examples: [{ line: "orchestrator models pin counter", summary: "Wherever it is loaded" }],
  load: () => import("./pin_run.ts"),
};
