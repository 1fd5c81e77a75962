import { type Command, JSON_OPTION } from "../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../daemons/kind.ts";

/** `llorch orchestrator events` */
export const events: Command = {
  kind: "command",
  name: "events",
  summary: "Show what happened in the service, oldest first: workers, hosts, failovers, and why",
  options: [
    { flags: "-f, --follow", summary: "Go on with what happens now, until Ctrl-C" },
    urlOption(ORCHESTRATORD),
    JSON_OPTION,
  ],
  examples: [
    { line: "orchestrator events", summary: "What is kept since orchestratord was started" },
    { line: "orchestrator events --follow --json", summary: "As it happens, a line of JSON each" },
  ],
  load: () => import("./events_run.ts"),
};
