import { type Command, JSON_OPTION } from "../../../command.ts";

/** `llorch remote hosts list` */
export const list: Command = {
  kind: "command",
  name: "list",
  summary: "Show the machines of the config file",
  options: [JSON_OPTION],
  examples: [{ line: "remote hosts list --json", summary: "For a script" }],
  load: () => import("./list_run.ts"),
};
