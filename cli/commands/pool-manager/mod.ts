import type { Group } from "../../command.ts";
import { start } from "./start.ts";
import { status } from "./status.ts";
import { stop } from "./stop.ts";

/** `llorch pool-manager` */
export const poolManager: Group = {
  kind: "group",
  name: "pool-manager",
  summary: "Start, stop and look at the pool manager of this machine, for development",
  members: [start, stop, status],
};
