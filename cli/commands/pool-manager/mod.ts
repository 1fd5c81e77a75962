import type { Group } from "../../command.ts";
import { POOL_MANAGERD } from "../../daemons/kind.ts";
import { daemonCommands } from "../daemon.ts";

/** `llorch pool-manager` */
export const poolManager: Group = {
  kind: "group",
  name: "pool-manager",
  summary: "Start, stop and inspect the pool manager of this machine, for development",
  members: daemonCommands(POOL_MANAGERD, {
    start: [
      { line: "pool-manager start", summary: "On port 9200, without an orchestrator" },
      {
        line: "pool-manager start -- --orchestrator-url http://127.0.0.1:8080",
        summary: "As a pool of that orchestrator",
      },
    ],
    stop: {
      line: "pool-manager stop",
      summary: "Stop it and its workers, and wait until it is gone",
    },
    contents: "its devices, models and workers",
  }),
};
