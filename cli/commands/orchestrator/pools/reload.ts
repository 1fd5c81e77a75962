import { type Command, QUIET_OPTION } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";

/** `llorch orchestrator pools reload` */
export const reload: Command = {
  kind: "command",
  name: "reload",
  summary: "Replace a model on a host, and wait until the new one serves",
  arguments: [
    { name: "<pool>", summary: "Its id, from llorch orchestrator pools list" },
    { name: "<from>", summary: "The model that goes", values: "models" },
    { name: "<to>", summary: "The model that comes", values: "models" },
  ],
  options: [
    {
      flags: "--deadline <seconds>",
      summary: "Streams of the old model that still run then go on elsewhere (default 30)",
    },
    {
      flags: "--timeout <seconds>",
      summary: "How long to wait; the reload goes on (default 900)",
    },
    urlOption(ORCHESTRATORD),
    QUIET_OPTION,
  ],
  examples: [
    { line: "orchestrator pools reload gpu-1 qwen-v1 qwen-v2", summary: "A new version" },
  ],
  load: () => import("./reload_run.ts"),
};
