import type { Group } from "../../command.ts";
import { jobs } from "./jobs/mod.ts";
import { pools } from "./pools/mod.ts";
import { start } from "./start.ts";
import { status } from "./status.ts";
import { stop } from "./stop.ts";

/** `llorch orchestrator` */
export const orchestrator: Group = {
  kind: "group",
  name: "orchestrator",
  summary:
    "Start, stop and look at orchestratord, for development; submit and follow jobs; drain hosts",
  members: [jobs, pools, start, stop, status],
};
