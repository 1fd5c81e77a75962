import { type Command, QUIET_OPTION } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";
import { PLACE_OPTIONS } from "./place_options.ts";

/** `llorch orchestrator models unload` */
export const unload: Command = {
  kind: "command",
  name: "unload",
  summary: "Let a model's jobs end, then stop its workers",
  arguments: [{ name: "<model>", summary: "Its name", values: "models" }],
  options: [...PLACE_OPTIONS, urlOption(ORCHESTRATORD), QUIET_OPTION],
  examples: [{ line: "orchestrator models unload counter", summary: "Wherever it is loaded" }],
  load: () => import("./unload_run.ts"),
};
