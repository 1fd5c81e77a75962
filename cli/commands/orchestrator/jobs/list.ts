import { type Command, JSON_OPTION } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";

/** `llorch orchestrator jobs list` */
export const list: Command = {
  kind: "command",
  name: "list",
  summary: "List jobs, newest first",
  options: [
    {
      flags: "--status <status>",
      summary: "Only those that are queued, dispatched, running, completed, failed or cancelled",
      values: ["queued", "dispatched", "running", "completed", "failed", "cancelled"],
    },
    { flags: "--model <model>", summary: "Only those of a model", values: "models" },
    { flags: "-n, --limit <count>", summary: "How many at most (default 50)" },
    urlOption(ORCHESTRATORD),
    JSON_OPTION,
  ],
  examples: [
    { line: "orchestrator jobs list", summary: "The newest 50" },
    { line: "orchestrator jobs list --status failed -n 5", summary: "The last that failed" },
  ],
  load: () => import("./list_run.ts"),
};
