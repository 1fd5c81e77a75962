import { type Command, JSON_OPTION, QUIET_OPTION } from "../../command.ts";

/** `llorch git clone` */
export const clone: Command = {
  kind: "command",
  name: "clone",
  summary: "Copy a repository with its submodules to this machine",
  arguments: [
    { name: "<url>", summary: "Address of the repository" },
    { name: "[dir]", summary: "New folder, by default named like the repository", values: "files" },
  ],
  options: [JSON_OPTION, QUIET_OPTION],
  examples: [
    { line: "git clone https://example.org/llorch.git", summary: "Into ./llorch" },
    { line: "git clone git@example.org:llorch.git work", summary: "Into ./work, over SSH" },
  ],
  load: () => import("./clone_run.ts"),
};
