import { type Command, QUIET_OPTION } from "../../command.ts";
import { KEY_NAMES } from "../../config/defaults.ts";

/** `llorch config unset` */
export const unset: Command = {
  kind: "command",
  name: "unset",
  summary: "Take a key out of the config file; its comments stay",
  arguments: [{ name: "<key>", summary: "The key, e.g. pool.url", values: KEY_NAMES }],
  options: [QUIET_OPTION],
  examples: [{ line: "config unset pool.url", summary: "Back to the default" }],
  load: () => import("./unset_run.ts"),
};
