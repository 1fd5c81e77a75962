import { type Command, QUIET_OPTION } from "../../../command.ts";

/** `llorch remote hosts remove` */
export const remove: Command = {
  kind: "command",
  name: "remove",
  summary: "Take a machine out of the config file",
  arguments: [{ name: "<name>", summary: "What it is called", values: "hosts" }],
  options: [QUIET_OPTION],
  examples: [{ line: "remote hosts remove gpu1", summary: "Forget a machine" }],
  load: () => import("./remove_run.ts"),
};
