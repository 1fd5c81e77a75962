import type { Group } from "../../command.ts";
import { list } from "./list.ts";
import { logs } from "./logs.ts";
import { start } from "./start.ts";
import { stop } from "./stop.ts";

/** `llorch worker` */
export const worker: Group = {
  kind: "group",
  name: "worker",
  summary: "Start, stop and look at workers of this machine's pool manager, for development",
  members: [list, logs, start, stop],
};
