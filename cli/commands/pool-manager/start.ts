import { type Command, JSON_OPTION, QUIET_OPTION } from "../../command.ts";

/** `llorch pool-manager start` */
export const start: Command = {
  kind: "command",
  name: "start",
  summary: "Start pool-managerd for development; where its service is installed, start that",
  arguments: [{ name: "[flags...]", summary: "Behind --: flags of pool-managerd itself" }],
  options: [
    {
      flags: "--config <file>",
      summary: "Its config file; else /etc/llorch/pool-manager.toml",
      values: "files",
    },
    JSON_OPTION,
    QUIET_OPTION,
  ],
  examples: [
    { line: "pool-manager start", summary: "On port 9200, without an orchestrator" },
    {
      line: "pool-manager start -- --orchestrator-url http://127.0.0.1:8080",
      summary: "As a pool of that orchestrator",
    },
  ],
  load: () => import("./start_run.ts"),
};
