import { command, type Group } from "../../command.ts";
import { POOL_MANAGERD, urlOption } from "../../daemons/kind.ts";
import { httpUrl, JSON_OPTION, QUIET_OPTION, text } from "../../options.ts";

/** `llorch pool-manager` */
export const poolManager: Group = {
  kind: "group",
  name: "pool-manager",
  summary: "Start, stop and look at the pool manager of this machine, for development",
  members: [
    command({
      name: "start",
      summary: "Start pool-managerd for development; where its service is installed, start that",
      arguments: [{ name: "[flags...]", summary: "Behind --: flags of pool-managerd itself" }],
      options: {
        config: text("--config <file>", "Its config file; else /etc/llorch/pool-manager.toml", {
          values: "files",
        }),
        json: JSON_OPTION,
        quiet: QUIET_OPTION,
      },
      examples: [
        { line: "pool-manager start", summary: "On port 9200, without an orchestrator" },
        {
          line: "pool-manager start -- --orchestrator-url http://127.0.0.1:8080",
          summary: "As a pool of that orchestrator",
        },
      ],
      load: async () => (await import("./start_run.ts")).run,
    }),
    command({
      name: "stop",
      summary: "Stop what llorch pool-manager start has started; all is well when nothing runs",
      options: {
        url: httpUrl("--url <url>", "Which, when several were started"),
        quiet: QUIET_OPTION,
      },
      examples: [
        {
          line: "pool-manager stop",
          summary: "Stop it and its workers, and wait until it is gone",
        },
      ],
      load: async () => (await import("./stop_run.ts")).run,
    }),
    command({
      name: "status",
      summary: "Show whether pool-managerd answers and is ready, its devices, models and workers",
      options: { url: urlOption(POOL_MANAGERD), json: JSON_OPTION },
      examples: [{ line: "pool-manager status", summary: "Ends with 1 when it does not answer" }],
      load: async () => (await import("./status_run.ts")).run,
    }),
  ],
};
