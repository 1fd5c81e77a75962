import { type Command, QUIET_OPTION } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";

/** `llorch orchestrator pools undrain` */
export const undrain: Command = {
  kind: "command",
  name: "undrain",
  summary: "Take a host back into service",
  arguments: [{ name: "<pool>", summary: "Its id, from llorch orchestrator pools list" }],
  options: [urlOption(ORCHESTRATORD), QUIET_OPTION],
  examples: [{ line: "orchestrator pools undrain gpu-1", summary: "It gets work again" }],
  load: () => import("./undrain_run.ts"),
};
