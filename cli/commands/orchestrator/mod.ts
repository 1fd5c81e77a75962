import { command, type Group } from "../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../daemons/kind.ts";
import { flag, httpUrl, JSON_OPTION, QUIET_OPTION, text } from "../../options.ts";
import { jobs } from "./jobs/mod.ts";
import { models } from "./models/mod.ts";
import { pools } from "./pools/mod.ts";

/** `llorch orchestrator` */
export const orchestrator: Group = {
  kind: "group",
  name: "orchestrator",
  summary: "Start, stop and look at orchestratord, for development; jobs, models in memory, hosts",
  members: [
    command({
      name: "events",
      summary:
        "Show what happened in the service, oldest first: workers, hosts, failovers, and why",
      options: {
        follow: flag("-f, --follow", "Go on with what happens now, until Ctrl-C"),
        url: urlOption(ORCHESTRATORD),
        json: JSON_OPTION,
      },
      examples: [
        { line: "orchestrator events", summary: "What is kept since orchestratord was started" },
        {
          line: "orchestrator events --follow --json",
          summary: "As it happens, a line of JSON each",
        },
      ],
      load: async () => (await import("./events_run.ts")).run,
    }),
    jobs,
    models,
    pools,
    command({
      name: "start",
      summary: "Start orchestratord for development; where its service is installed, start that",
      arguments: [{ name: "[flags...]", summary: "Behind --: flags of orchestratord itself" }],
      options: {
        config: text("--config <file>", "Its config file; else /etc/llorch/orchestrator.toml", {
          values: "files",
        }),
        json: JSON_OPTION,
        quiet: QUIET_OPTION,
      },
      examples: [
        { line: "orchestrator start", summary: "On port 8080, until llorch orchestrator stop" },
        { line: "orchestrator start -- --port 0", summary: "On any free port" },
      ],
      load: async () => (await import("./start_run.ts")).run,
    }),
    command({
      name: "stop",
      summary: "Stop what llorch orchestrator start has started; all is well when nothing runs",
      options: {
        url: httpUrl("--url <url>", "Which, when several were started"),
        quiet: QUIET_OPTION,
      },
      examples: [{ line: "orchestrator stop", summary: "Stop it, and wait until it is gone" }],
      load: async () => (await import("./stop_run.ts")).run,
    }),
    command({
      name: "status",
      summary: "Show whether orchestratord answers and is ready, its pools, workers and queue",
      options: { url: urlOption(ORCHESTRATORD), json: JSON_OPTION },
      examples: [{ line: "orchestrator status", summary: "Ends with 1 when it does not answer" }],
      load: async () => (await import("./status_run.ts")).run,
    }),
  ],
};
