import type { Group } from "../../../command.ts";
import { load } from "./load.ts";
import { pin } from "./pin.ts";
import { unload } from "./unload.ts";
import { unpin } from "./unpin.ts";

/** `llorch orchestrator models` */
export const models: Group = {
  kind: "group",
  name: "models",
  summary: "Say which models are in memory",
  members: [load, unload, pin, unpin],
};
