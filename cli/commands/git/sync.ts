import { type Command, JSON_OPTION, QUIET_OPTION } from "../../command.ts";

/** `llorch git sync` */
export const sync: Command = {
  kind: "command",
  name: "sync",
  summary: "Make the checkout what its upstream says, keeping local changes unless --force",
  options: [
    {
      flags: "--force",
      summary: "Throw away local changes, untracked files and commits, naming each",
    },
    JSON_OPTION,
    QUIET_OPTION,
  ],
  examples: [
    { line: "git sync", summary: "Fetch, fast-forward, submodules to the recorded commits" },
    { line: "git sync --force", summary: "The same, and drop whatever is in the way" },
  ],
  load: () => import("./sync_run.ts"),
};
