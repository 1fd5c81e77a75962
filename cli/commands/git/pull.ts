import { type Command, JSON_OPTION, QUIET_OPTION } from "../../command.ts";

/** `llorch git pull` */
export const pull: Command = {
  kind: "command",
  name: "pull",
  summary: "Move the branch forward to its upstream, and the submodules with it",
  options: [JSON_OPTION, QUIET_OPTION],
  examples: [{ line: "git pull", summary: "Fast-forward only; refuses when there are changes" }],
  load: () => import("./pull_run.ts"),
};
