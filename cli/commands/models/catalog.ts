import { type Command, JSON_OPTION } from "../../command.ts";

/** `llorch models catalog` */
export const catalog: Command = {
  kind: "command",
  name: "catalog",
  summary: "Show well-known models that download by a short name",
  options: [JSON_OPTION],
  examples: [{ line: "models catalog", summary: "Smallest first, with the memory each takes" }],
  load: () => import("./catalog_run.ts"),
};
