import { type Command, JSON_OPTION, QUIET_OPTION } from "../../../command.ts";
import { ORCHESTRATORD, urlOption } from "../../../daemons/kind.ts";
import { RAW_OPTION } from "./raw_option.ts";

/** `llorch orchestrator jobs watch` */
export const watch: Command = {
  kind: "command",
  name: "watch",
  summary: "Stream a job's text from its beginning to its end; Ctrl-C stops watching",
  arguments: [{ name: "<job>", summary: "Id of the job", values: "jobs" }],
  options: [urlOption(ORCHESTRATORD), JSON_OPTION, RAW_OPTION, QUIET_OPTION],
  examples: [
    { line: "orchestrator jobs watch JOB", summary: "Its text, as it comes" },
    { line: "orchestrator jobs watch JOB --raw", summary: "Its events, a line of JSON each" },
  ],
  load: () => import("./watch_run.ts"),
};
