import { type Command, JSON_OPTION } from "../../command.ts";

/** `llorch models info` */
export const info: Command = {
  kind: "command",
  name: "info",
  summary: "Show what a model is, and the memory that it would take",
  arguments: [{
    name: "<model>",
    summary: "A name, a catalog id, hf:org/repo[@rev][::file=path] or file:/path.gguf",
    values: "models",
  }],
  options: [
    { flags: "--context <tokens>", summary: "Tokens per slot, for the memory" },
    { flags: "--slots <count>", summary: "Requests at the same time, for the memory" },
    JSON_OPTION,
  ],
  examples: [
    { line: "models info demo", summary: "The model that ships" },
    { line: "models info tinyllama --context 2048 --slots 8", summary: "Would eight fit?" },
  ],
  load: () => import("./info_run.ts"),
};
