import type { Group } from "../../command.ts";
import { events } from "./events.ts";
import { jobs } from "./jobs/mod.ts";
import { models } from "./models/mod.ts";
import { pools } from "./pools/mod.ts";
import { start } from "./start.ts";
import { status } from "./status.ts";
import { stop } from "./stop.ts";

/** `llorch orchestrator` */
export const orchestrator: Group = {
  kind: "group",
  name: "orchestrator",
  summary: "Start, stop and look at orchestratord, for development; jobs, models in memory, hosts",
  members: [events, jobs, models, pools, start, stop, status],
};
