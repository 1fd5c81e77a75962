import { type Command, QUIET_OPTION } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";

/** `llorch orchestrator pools drain` */
export const drain: Command = {
  kind: "command",
  name: "drain",
  summary: "Take a host out of service, and wait until its workers are gone",
  arguments: [{ name: "<pool>", summary: "Its id, from llorch orchestrator pools list" }],
  options: [
    {
      flags: "--deadline <seconds>",
      summary: "Streams that still run then go on elsewhere (default 30)",
    },
    urlOption(ORCHESTRATORD),
    QUIET_OPTION,
  ],
  examples: [
    { line: "orchestrator pools drain gpu-1", summary: "Before its kernel is upgraded" },
    {
      line: "orchestrator pools drain gpu-1 --deadline 600",
      summary: "Streams may run ten minutes more",
    },
  ],
  load: () => import("./drain_run.ts"),
};
