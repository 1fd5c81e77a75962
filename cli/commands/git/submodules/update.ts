import { type Command, JSON_OPTION, QUIET_OPTION } from "../../../command.ts";

/** `llorch git submodules update` */
export const update: Command = {
  kind: "command",
  name: "update",
  summary: "Bring submodules to their recorded commits; those with work in them are left alone",
  arguments: [{ name: "[paths...]", summary: "Only these", values: "files" }],
  options: [JSON_OPTION, QUIET_OPTION],
  examples: [{ line: "git submodules update", summary: "All that can be moved without loss" }],
  load: () => import("./update_run.ts"),
};
