import { command, type Group } from "../../command.ts";
import { POOL_MANAGERD, urlOption } from "../../daemons/kind.ts";
import { WORKER_OPTIONS } from "../../daemons/worker_options.ts";
import { flag, JSON_OPTION, QUIET_OPTION, seconds } from "../../options.ts";

/** `llorch worker` */
export const worker: Group = {
  kind: "group",
  name: "worker",
  summary: "Start, stop and inspect workers of this machine's pool manager, for development",
  members: [
    command({
      name: "list",
      summary: "List the workers of this machine's pool manager",
      options: { url: urlOption(POOL_MANAGERD), json: JSON_OPTION },
      examples: [{ line: "worker list", summary: "The model, device and load of each" }],
      load: async () => (await import("./run.ts")).list,
    }),
    command({
      name: "logs",
      summary: "Show the last lines of a worker's log",
      arguments: [{ name: "<worker>", summary: "Its id, from llorch worker list" }],
      options: {
        follow: flag("-f, --follow", "Keep showing new lines until the worker ends"),
        url: urlOption(POOL_MANAGERD),
        json: JSON_OPTION,
      },
      examples: [{
        line: "worker logs WORKER --follow",
        summary: "New lines too, as they are written",
      }],
      load: async () => (await import("./run.ts")).logs,
    }),
    command({
      name: "start",
      summary:
        "Start a worker through the pool manager; without one, run a worker in the foreground",
      arguments: [{
        name: "<device>",
        summary: "Kind of device: cpu, cuda, vulkan, metal or rocm",
        values: ["cpu", "cuda", "vulkan", "metal", "rocm"],
      }],
      options: WORKER_OPTIONS,
      examples: [
        { line: "worker start cpu --model demo", summary: "On the CPU" },
        { line: "worker start cuda --gpu 1 -m demo --slots 8", summary: "On the second GPU" },
        { line: "worker start cuda --gpu 0,1 -m demo", summary: "On two GPUs together" },
      ],
      load: async () => (await import("./start.ts")).start,
    }),
    command({
      name: "stop",
      summary: "Stop a worker and wait until it is gone",
      arguments: [{ name: "<worker>", summary: "Its id, from llorch worker list" }],
      options: {
        drain: flag("--drain", "Let its streams end first"),
        deadlineMs: seconds("--deadline <seconds>", "Kill it after this time (default 30)", 30),
        url: urlOption(POOL_MANAGERD),
        quiet: QUIET_OPTION,
      },
      examples: [{ line: "worker stop WORKER --drain", summary: "After its streams have ended" }],
      load: async () => (await import("./run.ts")).stop,
    }),
  ],
};
