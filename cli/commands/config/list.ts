import { type Command, JSON_OPTION } from "../../command.ts";

/** `llorch config list` */
export const list: Command = {
  kind: "command",
  name: "list",
  summary: "Show what applies, and whether a variable, the file or a default says so",
  options: [JSON_OPTION, {
    flags: "-a, --all",
    summary: "Keys that are not set, too, and what they mean",
  }],
  examples: [
    { line: "config list", summary: "What applies" },
    { line: "config list --all", summary: "Every key there is" },
  ],
  load: () => import("./list_run.ts"),
};
