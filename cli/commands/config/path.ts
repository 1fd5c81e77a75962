import type { Command } from "../../command.ts";

/** `llorch config path` */
export const path: Command = {
  kind: "command",
  name: "path",
  summary: "Show where the config file is, or would be",
  options: [],
  examples: [{ line: "config path", summary: "Its path alone, for scripts" }],
  load: () => import("./path_run.ts"),
};
