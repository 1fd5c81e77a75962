import { command, type Group } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";
import { JSON_OPTION, QUIET_OPTION, seconds } from "../../../options.ts";

/** `llorch orchestrator pools` */
export const pools: Group = {
  kind: "group",
  name: "pools",
  summary:
    "List hosts, read their workers' logs, take them out of service and back, replace a model",
  members: [
    command({
      name: "drain",
      summary: "Take a host out of service, and wait until its workers are gone",
      arguments: [{ name: "<pool>", summary: "Its id, from llorch orchestrator pools list" }],
      options: {
        deadlineMs: seconds(
          "--deadline <seconds>",
          "Streams that are still running then move to other workers (default 30)",
          30,
        ),
        url: urlOption(ORCHESTRATORD),
        quiet: QUIET_OPTION,
      },
      examples: [
        { line: "orchestrator pools drain gpu-1", summary: "Before its kernel is upgraded" },
        {
          line: "orchestrator pools drain gpu-1 --deadline 600",
          summary: "Give running streams ten minutes",
        },
      ],
      load: async () => (await import("./run.ts")).drain,
    }),
    command({
      name: "list",
      summary: "List the pools that orchestratord knows",
      options: { url: urlOption(ORCHESTRATORD), json: JSON_OPTION },
      examples: [{ line: "orchestrator pools list", summary: "One line for each host" }],
      load: async () => (await import("./run.ts")).list,
    }),
    command({
      name: "logs",
      summary: "Show the last lines of a worker's log, running or ended, through orchestratord",
      arguments: [
        { name: "<pool>", summary: "Its pool, from llorch orchestrator pools list" },
        { name: "<worker>", summary: "Its id, from llorch orchestrator events" },
      ],
      options: { url: urlOption(ORCHESTRATORD), json: JSON_OPTION },
      examples: [
        { line: "orchestrator pools logs gpu-1 WORKER", summary: "Without a login on its host" },
      ],
      load: async () => (await import("./run.ts")).logs,
    }),
    command({
      name: "reload",
      summary: "Replace a model on a host, and wait until the new one serves",
      arguments: [
        { name: "<pool>", summary: "Its id, from llorch orchestrator pools list" },
        { name: "<from>", summary: "The model to replace", values: "models" },
        { name: "<to>", summary: "The new model", values: "models" },
      ],
      options: {
        deadlineMs: seconds(
          "--deadline <seconds>",
          "Streams of the old model that are still running then move elsewhere (default 30)",
          30,
        ),
        timeoutMs: seconds(
          "--timeout <seconds>",
          "How long to wait for the reload, which then goes on (default 900)",
          900,
        ),
        url: urlOption(ORCHESTRATORD),
        quiet: QUIET_OPTION,
      },
      examples: [
        { line: "orchestrator pools reload gpu-1 qwen-v1 qwen-v2", summary: "A new version" },
      ],
      load: async () => (await import("./run.ts")).reload,
    }),
    command({
      name: "undrain",
      summary: "Take a host back into service",
      arguments: [{ name: "<pool>", summary: "Its id, from llorch orchestrator pools list" }],
      options: { url: urlOption(ORCHESTRATORD), quiet: QUIET_OPTION },
      examples: [{ line: "orchestrator pools undrain gpu-1", summary: "It gets work again" }],
      load: async () => (await import("./run.ts")).undrain,
    }),
  ],
};
