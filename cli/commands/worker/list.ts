import { type Command, JSON_OPTION } from "../../command.ts";
import { POOL_MANAGERD, urlOption } from "../../daemons/kind.ts";

/** `llorch worker list` */
export const list: Command = {
  kind: "command",
  name: "list",
  summary: "List the workers of this machine's pool manager",
  options: [urlOption(POOL_MANAGERD), JSON_OPTION],
  examples: [{ line: "worker list", summary: "What each holds, where, and how busy it is" }],
  load: () => import("./list_run.ts"),
};
