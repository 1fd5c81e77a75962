import { type Command, JSON_OPTION, QUIET_OPTION } from "../../command.ts";

/** `llorch orchestrator start` */
export const start: Command = {
  kind: "command",
  name: "start",
  summary: "Start orchestratord for development; where its service is installed, start that",
  arguments: [{ name: "[flags...]", summary: "Behind --: flags of orchestratord itself" }],
  options: [
    {
      flags: "--config <file>",
      summary: "Its config file; else /etc/llorch/orchestrator.toml",
      values: "files",
    },
    JSON_OPTION,
    QUIET_OPTION,
  ],
  examples: [
    { line: "orchestrator start", summary: "On port 8080, until llorch orchestrator stop" },
    { line: "orchestrator start -- --port 0", summary: "On any free port" },
  ],
  load: () => import("./start_run.ts"),
};
