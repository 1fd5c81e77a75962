import { type Command, JSON_OPTION } from "../../command.ts";

/** `llorch models list` */
export const list: Command = {
  kind: "command",
  name: "list",
  summary: "Show the models on this machine",
  options: [JSON_OPTION],
  examples: [
    { line: "models list", summary: "Names, sizes, and the memory that each takes" },
    { line: "models list --json", summary: "The same for a script" },
  ],
  load: () => import("./list_run.ts"),
};
