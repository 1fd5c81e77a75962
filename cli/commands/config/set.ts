import { type Command, QUIET_OPTION } from "../../command.ts";
import { KEY_NAMES } from "../../config/defaults.ts";

/** `llorch config set` */
export const set: Command = {
  kind: "command",
  name: "set",
  summary: "Set a key in the config file; its comments stay",
  arguments: [
    { name: "<key>", summary: "The key, e.g. pool.url", values: KEY_NAMES },
    { name: "<value>", summary: 'The value; a list is a,b or ["a", "b"]' },
  ],
  options: [QUIET_OPTION],
  examples: [
    { line: "config set models.dir /big/models", summary: "Download models elsewhere" },
    { line: "config set hosts.gpu1.port 2222", summary: "Another port for a host" },
  ],
  load: () => import("./set_run.ts"),
};
