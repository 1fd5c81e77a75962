import { type Command, QUIET_OPTION } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";
import { PLACE_OPTIONS } from "./place_options.ts";

/** `llorch orchestrator models load` */
export const load: Command = {
  kind: "command",
  name: "load",
  summary: "Load a model before anybody asks for it",
  arguments: [{ name: "<model>", summary: "Its name", values: "models" }],
  options: [...PLACE_OPTIONS, urlOption(ORCHESTRATORD), QUIET_OPTION],
  examples: [{ line: "orchestrator models load counter --device cuda1", summary: "On one GPU" }],
  load: () => import("./load_run.ts"),
};
