import type { Group } from "../../command.ts";
import { add } from "./add.ts";
import { catalog } from "./catalog.ts";
import { deleteModel } from "./delete.ts";
import { download } from "./download.ts";
import { info } from "./info.ts";
import { list } from "./list.ts";
import { verify } from "./verify.ts";

/** `llorch models` */
export const models: Group = {
  kind: "group",
  name: "models",
  summary: "Find, download, check and remove models",
  examples: [
    { line: "models catalog", summary: "Well-known models by a short name" },
    { line: "models download tinyllama", summary: "Fetch one of them" },
    { line: "models list", summary: "What is on this machine" },
  ],
  members: [catalog, list, info, download, verify, deleteModel, add],
};
