import { type Command, QUIET_OPTION } from "../../command.ts";

/** `llorch orchestrator stop` */
export const stop: Command = {
  kind: "command",
  name: "stop",
  summary: "Stop what llorch orchestrator start has started; all is well when nothing runs",
  options: [
    { flags: "--url <url>", summary: "Which, when several were started" },
    QUIET_OPTION,
  ],
  examples: [{ line: "orchestrator stop", summary: "Stop it, and wait until it is gone" }],
  load: () => import("./stop_run.ts"),
};
