import { type Command, QUIET_OPTION } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";
import { PLACE_OPTIONS } from "./place_options.ts";

/** `llorch orchestrator models unpin` */
export const unpin: Command = {
  kind: "command",
  name: "unpin",
  summary: "Take a pin back",
  arguments: [{ name: "<model>", summary: "Its name", values: "models" }],
  options: [...PLACE_OPTIONS, urlOption(ORCHESTRATORD), QUIET_OPTION],
  examples: [{ line: "orchestrator models unpin counter", summary: "As it was pinned" }],
  load: () => import("./unpin_run.ts"),
};
