import { type Command, JSON_OPTION } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";

/** `llorch orchestrator jobs show` */
export const show: Command = {
  kind: "command",
  name: "show",
  summary: "Show what happened to a job, and its output while that is kept",
  arguments: [{ name: "<job>", summary: "Id of the job", values: "jobs" }],
  options: [urlOption(ORCHESTRATORD), JSON_OPTION],
  examples: [{
    line: "orchestrator jobs show JOB",
    summary: "Its attempts, with the reasons why they ended",
  }],
  load: () => import("./show_run.ts"),
};
