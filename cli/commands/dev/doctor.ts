import { type Command, JSON_OPTION } from "../../command.ts";

/** `llorch dev doctor` */
export const doctor: Command = {
  kind: "command",
  name: "doctor",
  summary: "Check that this machine can run llorch, and say how to mend what is wrong",
  options: [JSON_OPTION],
  examples: [{ line: "dev doctor", summary: "Look at this machine" }],
  load: () => import("./doctor_run.ts"),
};
