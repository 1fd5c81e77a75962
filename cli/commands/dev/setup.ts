import { type Command, JSON_OPTION, YES_OPTION } from "../../command.ts";

/** `llorch dev setup` */
export const setup: Command = {
  kind: "command",
  name: "setup",
  summary: "Prepare a checkout for work; what is there already stays as it is",
  options: [YES_OPTION, JSON_OPTION],
  examples: [
    { line: "dev setup", summary: "Say what is needed, then ask" },
    { line: "dev setup --yes", summary: "Without asking" },
  ],
  load: () => import("./setup_run.ts"),
};
