import { type Command, JSON_OPTION } from "../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../daemons/kind.ts";

/** `llorch orchestrator status` */
export const status: Command = {
  kind: "command",
  name: "status",
  summary: "Show whether orchestratord answers and is ready, its pools, workers and queue",
  options: [urlOption(ORCHESTRATORD), JSON_OPTION],
  examples: [{ line: "orchestrator status", summary: "Ends with 1 when it does not answer" }],
  load: () => import("./status_run.ts"),
};
