import { type Command, JSON_OPTION } from "../../../command.ts";

/** `llorch git submodules list` */
export const list: Command = {
  kind: "command",
  name: "list",
  summary: "Show the submodules, their addresses and the commits recorded for them",
  options: [JSON_OPTION],
  examples: [{ line: "git submodules list", summary: "Name them" }],
  load: () => import("./list_run.ts"),
};
