import { command, type Group } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";
import { QUIET_OPTION, text } from "../../../options.ts";

const ARGUMENTS = [{ name: "<model>", summary: "Name of the model", values: "models" }] as const;

const OPTIONS = {
  pool: text("--pool <pool>", "Only on this pool"),
  device: text(
    "--device <device>",
    "Only on devices of this name: cuda0, cpu, or several GPUs, cuda0.cuda1",
  ),
  url: urlOption(ORCHESTRATORD),
  quiet: QUIET_OPTION,
};

/** `llorch orchestrator models` */
export const models: Group = {
  kind: "group",
  name: "models",
  summary: "Load, unload and pin models",
  members: [
    command({
      name: "load",
      summary: "Load a model before the first request for it",
      arguments: ARGUMENTS,
      options: OPTIONS,
      examples: [{
        line: "orchestrator models load counter --device cuda1",
        summary: "On one GPU",
      }],
      load: async () => (await import("./run.ts")).load,
    }),
    command({
      name: "unload",
      summary: "Stop the workers of a model after their jobs have ended",
      arguments: ARGUMENTS,
      options: OPTIONS,
      examples: [{ line: "orchestrator models unload counter", summary: "Wherever it is loaded" }],
      load: async () => (await import("./run.ts")).unload,
    }),
    command({
      name: "pin",
      summary: "Keep a model in memory: it is not evicted, and not stopped when idle",
      arguments: ARGUMENTS,
      options: OPTIONS,
      examples: [{ line: "orchestrator models pin counter", summary: "Wherever it is loaded" }],
      load: async () => (await import("./run.ts")).pin,
    }),
    command({
      name: "unpin",
      summary: "Undo a pin",
      arguments: ARGUMENTS,
      options: OPTIONS,
      examples: [{ line: "orchestrator models unpin counter", summary: "Wherever it is pinned" }],
      load: async () => (await import("./run.ts")).unpin,
    }),
  ],
};
