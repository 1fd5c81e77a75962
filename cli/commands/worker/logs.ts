import { type Command, JSON_OPTION } from "../../command.ts";
import { POOL_MANAGERD, urlOption } from "../../daemons/kind.ts";

/** `llorch worker logs` */
export const logs: Command = {
  kind: "command",
  name: "logs",
  summary: "Show the last lines that a worker wrote",
  arguments: [{ name: "<worker>", summary: "Its id, from llorch worker list" }],
  options: [
    { flags: "-f, --follow", summary: "Go on until it ends" },
    urlOption(POOL_MANAGERD),
    JSON_OPTION,
  ],
  examples: [{ line: "worker logs WORKER --follow", summary: "What it writes, as it comes" }],
  load: () => import("./logs_run.ts"),
};
