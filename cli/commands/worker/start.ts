import { type Command, JSON_OPTION, QUIET_OPTION } from "../../command.ts";
import { POOL_MANAGERD, urlOption } from "../../daemons/kind.ts";

/** `llorch worker start` */
export const start: Command = {
  kind: "command",
  name: "start",
  summary: "Let the pool manager start a worker; without one, run a worker in the foreground",
  arguments: [{
    name: "<device>",
    summary: "Kind of device: cpu, cuda, vulkan, metal or rocm",
    values: ["cpu", "cuda", "vulkan", "metal", "rocm"],
  }],
  options: [
    { flags: "-m, --model <model>", summary: "The model to hold (needed)", values: "models" },
    { flags: "--gpu <number>", summary: "Which device of its kind; else the one with most room" },
    { flags: "--context <tokens>", summary: "Tokens per slot; else what the pool manager takes" },
    {
      flags: "--slots <count>",
      summary: "Requests side by side; else what the pool manager takes",
    },
    {
      flags: "--gpu-layers <count>",
      summary: "Layers to keep on the GPU; else what the pool manager takes, mostly all",
    },
    urlOption(POOL_MANAGERD),
    JSON_OPTION,
    QUIET_OPTION,
  ],
  examples: [
    { line: "worker start cpu --model demo", summary: "On the CPU" },
    { line: "worker start cuda --gpu 1 -m demo --slots 8", summary: "On the second GPU" },
  ],
  load: () => import("./start_run.ts"),
};
