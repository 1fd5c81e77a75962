import { type Command, JSON_OPTION } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";

/** `llorch orchestrator jobs cancel` */
export const cancel: Command = {
  kind: "command",
  name: "cancel",
  summary: "Cancel jobs, and say how each of them ended",
  arguments: [{ name: "<jobs...>", summary: "Ids of the jobs", values: "jobs" }],
  options: [urlOption(ORCHESTRATORD), JSON_OPTION],
  examples: [{ line: "orchestrator jobs cancel JOB1 JOB2", summary: "Two at once" }],
  load: () => import("./cancel_run.ts"),
};
