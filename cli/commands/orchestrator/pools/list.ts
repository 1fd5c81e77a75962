import { type Command, JSON_OPTION } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";

/** `llorch orchestrator pools list` */
export const list: Command = {
  kind: "command",
  name: "list",
  summary: "List the pools that orchestratord knows",
  options: [urlOption(ORCHESTRATORD), JSON_OPTION],
  examples: [{ line: "orchestrator pools list", summary: "One line for each host" }],
  load: () => import("./list_run.ts"),
};
