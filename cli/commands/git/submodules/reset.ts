import { type Command, JSON_OPTION, QUIET_OPTION } from "../../../command.ts";

/** `llorch git submodules reset` */
export const reset: Command = {
  kind: "command",
  name: "reset",
  summary: "Bring submodules to their recorded commits and clean them",
  arguments: [{ name: "[paths...]", summary: "Only these", values: "files" }],
  options: [
    { flags: "--force", summary: "Throw away the changes and commits in them, naming each" },
    JSON_OPTION,
    QUIET_OPTION,
  ],
  examples: [{
    line: "git submodules reset --force vendor/lib",
    summary: "Start one of them afresh",
  }],
  load: () => import("./reset_run.ts"),
};
