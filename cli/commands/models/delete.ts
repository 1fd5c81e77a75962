import { type Command, QUIET_OPTION, YES_OPTION } from "../../command.ts";

/** `llorch models delete` */
export const deleteModel: Command = {
  kind: "command",
  name: "delete",
  summary: "Remove a model from this machine, with what an interrupted download left of it",
  arguments: [{ name: "<model>", summary: "A name or a reference", values: "models" }],
  options: [YES_OPTION, QUIET_OPTION],
  examples: [{ line: "models delete tinyllama --yes", summary: "Without a question" }],
  load: () => import("./delete_run.ts"),
};
