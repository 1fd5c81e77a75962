import { type Command, JSON_OPTION, QUIET_OPTION } from "../../../command.ts";

/** `llorch git submodules branch` */
export const branch: Command = {
  kind: "command",
  name: "branch",
  summary: "Put submodules on a branch, making it where it is new",
  arguments: [
    { name: "<branch>", summary: "Name of the branch" },
    { name: "[paths...]", summary: "Only these", values: "files" },
  ],
  options: [JSON_OPTION, QUIET_OPTION],
  examples: [{
    line: "git submodules branch fix-tokenizer vendor/lib",
    summary: "Work in one of them",
  }],
  load: () => import("./branch_run.ts"),
};
