import { type Command, JSON_OPTION } from "../../../command.ts";

/** `llorch git submodules status` */
export const status: Command = {
  kind: "command",
  name: "status",
  summary: "Show how each submodule stands: behind, ahead, detached, dirty, missing, conflicting",
  options: [JSON_OPTION],
  examples: [{ line: "git submodules status", summary: "Look at all of them" }],
  load: () => import("./status_run.ts"),
};
