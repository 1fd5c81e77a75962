import { type Command, JSON_OPTION } from "../../command.ts";

/** `llorch git status` */
export const status: Command = {
  kind: "command",
  name: "status",
  summary: "Show the branch, the local changes and every submodule",
  options: [JSON_OPTION],
  examples: [
    { line: "git status", summary: "Look at this checkout" },
    { line: "git status --json", summary: "The same for programs" },
  ],
  load: () => import("./status_run.ts"),
};
