import { command, type Group } from "../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../daemons/kind.ts";
import { flag, JSON_OPTION } from "../../options.ts";
import { daemonCommands } from "../daemon.ts";
import { batches } from "./batches/mod.ts";
import { jobs } from "./jobs/mod.ts";
import { models } from "./models/mod.ts";
import { names } from "./names/mod.ts";
import { pools } from "./pools/mod.ts";
import { responses } from "./responses/mod.ts";

/** `llorch orchestrator` */
export const orchestrator: Group = {
  kind: "group",
  name: "orchestrator",
  summary:
    "Manage jobs, loaded models, names and hosts; start, stop and inspect orchestratord for development",
  members: [
    command({
      name: "cluster",
      summary: "Show the orchestrators that share a database, and which one leads",
      options: { url: urlOption(ORCHESTRATORD), json: JSON_OPTION },
      examples: [
        { line: "orchestrator cluster", summary: "One line for each; exits with 1 if none leads" },
      ],
      load: async () => (await import("./cluster.ts")).cluster,
    }),
    command({
      name: "events",
      summary:
        "Show the events of the service, oldest first: workers, hosts, failovers, with reasons",
      options: {
        follow: flag("-f, --follow", "Keep showing new events until Ctrl-C"),
        url: urlOption(ORCHESTRATORD),
        json: JSON_OPTION,
      },
      examples: [
        { line: "orchestrator events", summary: "Those kept since orchestratord was started" },
        {
          line: "orchestrator events --follow --json",
          summary: "New ones too, each as a line of JSON",
        },
      ],
      load: async () => (await import("./events.ts")).events,
    }),
    batches,
    jobs,
    models,
    names,
    pools,
    responses,
    ...daemonCommands(ORCHESTRATORD, {
      start: [
        { line: "orchestrator start", summary: "On port 8080, until llorch orchestrator stop" },
        { line: "orchestrator start -- --port 0", summary: "On any free port" },
      ],
      stop: { line: "orchestrator stop", summary: "Stop it, and wait until it is gone" },
      contents: "its pools, workers and queue",
    }),
  ],
};
