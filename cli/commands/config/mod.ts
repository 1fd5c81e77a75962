import type { Group } from "../../command.ts";
import { get } from "./get.ts";
import { list } from "./list.ts";
import { path } from "./path.ts";
import { set } from "./set.ts";
import { unset } from "./unset.ts";
import { validate } from "./validate.ts";

/** `llorch config` */
export const config: Group = {
  kind: "group",
  name: "config",
  summary: "Read and change the settings of this command line",
  examples: [
    { line: "config list", summary: "What applies, and where it comes from" },
    { line: "config set orchestrator.url http://gpu1:8080", summary: "Talk to another stack" },
  ],
  members: [list, get, set, unset, path, validate],
};
