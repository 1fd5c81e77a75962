import { type Command, JSON_OPTION } from "../../command.ts";
import { POOL_MANAGERD, urlOption } from "../../daemons/kind.ts";

/** `llorch pool-manager status` */
export const status: Command = {
  kind: "command",
  name: "status",
  summary: "Show whether pool-managerd answers and is ready, its devices, models and workers",
  options: [urlOption(POOL_MANAGERD), JSON_OPTION],
  examples: [{ line: "pool-manager status", summary: "Ends with 1 when it does not answer" }],
  load: () => import("./status_run.ts"),
};
