import type { Group } from "../../../command.ts";
import { drain } from "./drain.ts";
import { list } from "./list.ts";
import { reload } from "./reload.ts";
import { undrain } from "./undrain.ts";

/** `llorch orchestrator pools` */
export const pools: Group = {
  kind: "group",
  name: "pools",
  summary: "List hosts, take them out of service and back, replace a model on one",
  members: [drain, list, reload, undrain],
};
