import type { Command } from "../../command.ts";

/** `llorch dev doctor` */
export const doctor: Command = {
  kind: "command",
  name: "doctor",
  summary: "Check that this machine can run llorch, and say how to mend what is wrong",
  options: [{ flags: "--json", summary: "One JSON document instead of lines" }],
  load: () => import("./doctor_run.ts"),
};
