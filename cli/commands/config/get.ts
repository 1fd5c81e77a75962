import { type Command, JSON_OPTION } from "../../command.ts";
import { KEY_NAMES } from "../../config/defaults.ts";

/** `llorch config get` */
export const get: Command = {
  kind: "command",
  name: "get",
  summary: "Show what one key means now; exit code 1 when it has no value",
  arguments: [{ name: "<key>", summary: "The key, e.g. pool.url", values: KEY_NAMES }],
  options: [JSON_OPTION],
  examples: [{ line: "config get orchestrator.url", summary: "Where commands look for the stack" }],
  load: () => import("./get_run.ts"),
};
