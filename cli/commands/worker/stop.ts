import { type Command, QUIET_OPTION } from "../../command.ts";
import { POOL_MANAGERD, urlOption } from "../../daemons/kind.ts";

/** `llorch worker stop` */
export const stop: Command = {
  kind: "command",
  name: "stop",
  summary: "Stop a worker and wait until it is gone",
  arguments: [{ name: "<worker>", summary: "Its id, from llorch worker list" }],
  options: [
    { flags: "--drain", summary: "Let its streams end first" },
    { flags: "--deadline <seconds>", summary: "Kill it after this time (default 30)" },
    urlOption(POOL_MANAGERD),
    QUIET_OPTION,
  ],
  examples: [{ line: "worker stop WORKER --drain", summary: "When its streams have ended" }],
  load: () => import("./stop_run.ts"),
};
